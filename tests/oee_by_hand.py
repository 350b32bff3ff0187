"""Figures of OEE from the explain export alone: `python tests/oee_by_hand.py FILE.csv`. Imports nothing of Andon.

Written from docs/oee.md, to be compared with what the pages show. Each row of the export is a stretch of time with everything the same.
"""

import csv
import io
import json
import sys
from datetime import datetime

BUSY = ("run", "minor", "stop", "unknown")  # planned busy time: not "off", not "planned_stop"
DOWN = ("failure", "setup", "waiting", "unexplained")


def rows_of(text):
    """The export's rows as dictionaries, in order."""
    return list(csv.DictReader(io.StringIO(text)))


def seconds_of(row):
    """How long a row's stretch is, by its own times."""
    start, end = (datetime.fromisoformat(row[name].replace("Z", "+00:00")) for name in ("start", "end"))
    return (end - start).total_seconds()


def figures_of(rows):
    """Every figure and loss of these rows; None where it cannot be told. Ratios are shares of 1, times are seconds."""
    all_s = sum(seconds_of(row) for row in rows)
    busy = [row for row in rows if row["state"] in BUSY]
    planned_s = sum(seconds_of(row) for row in busy)
    known_s = sum(seconds_of(row) for row in busy if row["state"] != "unknown")
    production_s = sum(seconds_of(row) for row in busy if row["state"] in ("run", "minor"))
    loss_s = {loss: sum(seconds_of(row) for row in rows if row["loss"] == loss) for loss in (*DOWN, "minor", "planned")}
    begun = {loss: sum(row["loss"] == loss and row["begins"] == "1" for row in rows) for loss in loss_s}
    made = sum(float(row["produced"]) for row in busy)
    bad = sum(float(row["rejected"]) for row in busy)
    blind = any(row["reject_measured"] == "0" and float(row["produced"]) for row in busy)
    unrated = any(row["pri_s"] == "" and float(row["produced"]) for row in busy)
    ideal_s = sum(float(row["pri_s"] or 0) * float(row["produced"]) for row in busy)
    bad_s = sum(float(row["pri_s"] or 0) * float(row["rejected"]) for row in busy)
    startup_s = sum(float(row["pri_s"] or 0) * float(row["rejected"]) for row in busy if row["startup"] == "1")
    told = known_s > 0 and not unrated
    good_s = ideal_s - bad_s if told and not blind else None

    def ratio(part, whole):
        return None if part is None or not whole else part / whole

    return {
        "availability": ratio(production_s, known_s),
        "effectiveness": ratio(ideal_s, production_s) if told else None,
        "quality": ratio(good_s, ideal_s) if made else None,
        "oee": ratio(good_s, known_s),
        "nee": ratio(None if good_s is None else good_s * (1 + loss_s["setup"] / production_s if production_s else 1), known_s),
        "teep": ratio(good_s, all_s - (planned_s - known_s)),
        "mtbf_s": ratio(production_s, begun["failure"]) if known_s else None,
        "mttr_s": ratio(loss_s["failure"], begun["failure"]) if known_s else None,
        "known": ratio(known_s, planned_s),
        "losses": {
            **{loss: loss_s[loss] for loss in (*DOWN, "minor")},
            "speed": production_s - loss_s["minor"] - ideal_s if told else None,
            "defects": None if good_s is None else bad_s - startup_s,
            "startup": None if good_s is None else startup_s,
        },
        "counts": begun,
        "produced": made,
        "rejected": None if blind else bad,
    }


if __name__ == "__main__":
    with open(sys.argv[1], newline="", encoding="utf-8") as file:
        print(json.dumps(figures_of(rows_of(file.read())), indent=1))
