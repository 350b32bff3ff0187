"""A pytest plugin: which requirements' tests passed, for the promise table in docs/features.md.

Tests carry `@pytest.mark.requirement("IN-1", …)`. Where the environment variable ANDON_OUTCOMES names a file, the run writes
`{"IN-1": {"tests/…::test_…": true}}` to it; `tests.features` merges the files of several runs. Works under xdist: the marks
travel with the reports, and the controller alone writes.
"""

import json
import os
from pathlib import Path

import pytest

from tests.features import requirement_ids

VARIABLE = "ANDON_OUTCOMES"
PROPERTY = "requirement"


class OutcomeRecorder:
    """Collects what became of each marked test. A test counts as passed when no phase failed and it was not skipped."""

    def __init__(self, file: Path | None) -> None:
        self.file = file
        self.outcomes: dict[str, dict[str, bool]] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Writes the marks into each item's properties; refuses an id that the promise table does not have."""
        known = requirement_ids()
        for item in items:
            ids = [name for mark in item.iter_markers("requirement") for name in mark.args]
            if wrong := [name for name in ids if name not in known]:
                raise pytest.UsageError(f"{item.nodeid}: docs/requirements.toml has no {', '.join(map(str, wrong))}")
            item.user_properties += [(PROPERTY, name) for name in dict.fromkeys(ids)]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Called in the controller for every phase of every test."""
        for name, value in report.user_properties:
            if name == PROPERTY:
                tests = self.outcomes.setdefault(str(value), {})
                tests[report.nodeid] = tests.get(report.nodeid, True) and report.outcome == "passed"

    def pytest_sessionfinish(self) -> None:
        """Writes the file, sorted."""
        if self.file is not None:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            self.file.write_text(json.dumps(self.outcomes, indent=1, sort_keys=True) + "\n")


def pytest_configure(config: pytest.Config) -> None:
    """Registers the recorder; under xdist the workers only mark."""
    wanted = os.environ.get(VARIABLE)
    is_worker = hasattr(config, "workerinput")
    config.pluginmanager.register(OutcomeRecorder(Path(wanted) if wanted and not is_worker else None), "andon-outcomes")
