"""What a person says of a file, beside what is guessed: kept as JSON with the import, and turned into a format to read by.

No I/O but reading the file. Whatever comes from a browser goes through `Plan.of`, which refuses what is none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from dashapp.ingest.csv_encoding import ENCODINGS, CsvError
from dashapp.ingest.csv_format import CsvFormat, Told, guess_format
from dashapp.ingest.csv_rows import read_chunks
from dashapp.ingest.csv_table import SEPARATORS

SAMPLE_BYTES = 256 * 1024
KINDS = ("gauge", "increment", "totalizer", "flag")
LONGEST = 200
MOST_PAIRS = 2_000  # (device, sensor) pairs of one file: more are surely not meant


@dataclass(frozen=True, slots=True)
class PlannedColumn:
    """What becomes of a column: `key` None as guessed, "" left out; the rest is for a sensor that is made."""

    key: str | None = None
    name: str = ""
    unit: str | None = None
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """A person's corrections of what is guessed; empty texts and None are "as guessed". Columns by their name in the file."""

    encoding: str = ""
    separator: str = ""
    decimal: str = ""
    header: str = ""  # "yes", "no"
    time_column: str = ""
    clock_column: str = ""  # a second one, with the time of day
    time_format: str = ""
    zone: str = ""
    device_column: str | None = None  # "": none
    sensor_column: str | None = None  # "": none, every column is a sensor
    value_column: str = ""
    device: str = ""
    device_name: str = ""
    columns: dict[str, PlannedColumn] = field(default_factory=dict)

    @classmethod
    def of(cls, stored: Mapping[str, Any] | None) -> "Plan":
        """The plan that was kept as JSON. Raises CsvError for what is none."""
        values: dict[str, Any] = {}
        for name, value in (stored or {}).items():
            if name == "columns" and isinstance(value, dict):
                values[name] = {str(key)[:1000]: _column(part) for key, part in value.items()}
            elif name in _TEXTS and (value is None or (isinstance(value, str) and len(value) <= 1000)):
                values[name] = value
            else:
                raise CsvError(name[:40], "this is no setting of an import")
        plan = cls(**values)
        for name, value, choices in (
            ("encoding", plan.encoding, ENCODINGS), ("separator", plan.separator, tuple(SEPARATORS)), ("decimal", plan.decimal, (".", ",")),
            ("header", plan.header, ("yes", "no")),
        ):  # fmt: skip
            if value and value not in choices:
                raise CsvError(name, f"“{value[:40]}” is none of {', '.join(choices)}")
        return plan

    def json(self) -> dict[str, Any]:
        """To be kept: what differs from the guess."""
        empty = Plan()
        return {name: value for name, value in asdict(self).items() if value != getattr(empty, name)}

    @property
    def told(self) -> Told:
        """What is said of the file's form."""
        times = tuple(name for name in (self.time_column, self.clock_column) if name)
        return Told(
            encoding=self.encoding or None,
            separator=self.separator or None,
            decimal=self.decimal or None,
            has_header={"yes": True, "no": False}.get(self.header),
            time_columns=times if self.time_column else (),
            time_format=self.time_format or None,
            device_column=self.device_column,
            sensor_column=self.sensor_column,
            value_column=self.value_column or None,
        )


_TEXTS = frozenset(Plan.__dataclass_fields__) - {"columns"}


def _column(part: Any) -> PlannedColumn:
    if not isinstance(part, dict) or not set(part) <= {"key", "name", "unit", "kind"}:
        raise CsvError("columns", "this is no setting of a column")
    if any(value is not None and not (isinstance(value, str) and len(value) <= LONGEST) for value in part.values()):
        raise CsvError("columns", f"texts of at most {LONGEST} characters are expected")
    found = PlannedColumn(**part)
    if found.kind and found.kind not in KINDS:
        raise CsvError("columns", f"“{found.kind}” is none of {', '.join(KINDS)}")
    return found


def sample_of(path: Path) -> bytes:
    """The beginning of a file. Raises OSError."""
    with path.open("rb") as file:
        return file.read(SAMPLE_BYTES)


def planned_format(sample: bytes, plan: Plan, *, zone: str, file_name: str) -> CsvFormat:
    """The format that a file is read by: as guessed, but for what the plan says. `zone` where the plan names none. Raises CsvError."""
    fmt = guess_format(sample, zone=plan.zone or zone, file_name=file_name, told=plan.told)
    columns = []
    for column in fmt.columns:
        planned = plan.columns.get(column.name, PlannedColumn())
        key = column.sensor_key if planned.key is None else planned.key.strip() or None
        columns.append(replace(column, sensor_key=key, unit=column.unit if planned.unit is None else planned.unit.strip()))
    if fmt.layout == "wide":
        _check_keys([(column.name, column.sensor_key) for column in columns if column.sensor_key], fmt)
    return replace(fmt, columns=tuple(columns))


def _check_keys(keys: Sequence[tuple[str, str]], fmt: CsvFormat) -> None:
    taken: dict[str, str] = {}
    reserved = {*fmt.time_columns, fmt.device_column}
    for name, key in keys:
        if name in reserved:
            raise CsvError("columns", f"“{name}” holds the {'time' if name in fmt.time_columns else 'device'}, so it is no sensor")
        if len(key) > 100 or not key.isprintable():
            raise CsvError("columns", f"the sensor of “{name}” needs a key of 1 to 100 characters")
        if key in taken:
            raise CsvError("columns", f"“{taken[key]}” and “{name}” both go to the sensor {key}; leave one of them out")
        taken[key] = name
    if not taken:
        raise CsvError("columns", "every column is left out; choose what is to be imported")
    if len(taken) > MOST_PAIRS:
        raise CsvError("columns", f"{len(taken):,} columns would become sensors; at most {MOST_PAIRS:,} can, so leave the others out")


@dataclass(frozen=True, slots=True)
class PreviewRow:
    """A row as it will be read: time in µs since 1970 UTC (None: the row is refused), value by sensor, and what is wrong by column."""

    line: int
    time_us: int | None
    device: str
    values: dict[str, float | None]
    wrong: dict[str, str]
    raw: str = ""


def preview(path: Path, fmt: CsvFormat, rows: int = 8) -> list[PreviewRow]:
    """The first rows of a file as they will be read. Raises CsvError, OSError."""
    found: list[PreviewRow] = []
    for chunk in read_chunks(path, fmt, rows=rows):
        wrong: dict[int, dict[str, str]] = {}
        raw: dict[int, str] = {}
        for refused in chunk.refused:
            wrong.setdefault(refused.line, {})[refused.field] = refused.reason
            raw[refused.line] = refused.raw[:300].decode("utf-8", "replace")
        read = {}
        for at, line in enumerate(chunk.line_numbers.tolist()):
            sensors = chunk.sensor_keys[at : at + 1].tolist() if chunk.sensor_keys is not None else list(chunk.values)
            cells = (
                {sensors[0]: chunk.values["value"][at]} if chunk.sensor_keys is not None else {k: v[at] for k, v in chunk.values.items()}
            )
            values = {key: None if np.isnan(value) else float(value) for key, value in cells.items()}
            device = str(chunk.device_keys[at]) if chunk.device_keys is not None else ""
            read[line] = PreviewRow(line, int(chunk.time_us[at]), device, values, wrong.get(line, {}), raw.get(line, ""))
        for line in sorted({*read, *wrong}):
            found.append(read.get(line) or PreviewRow(line, None, "", {}, wrong[line], raw.get(line, "")))
        if len(found) >= rows:
            break
    return found[:rows]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A sensor that a file measures, and what it would be made as where it is missing; `period_s` between its readings."""

    key: str
    unit: str
    name: str
    kind: str
    period_s: float


def wanted_sensors(path: Path, fmt: CsvFormat, device_key: str, plan: Plan | None = None) -> dict[str, list[Wanted]]:
    """What the file measures, by device. One that names devices or sensors in its rows is read once for that.

    Raises CsvError where there are too many.
    """
    plan = plan or Plan()
    by_key = {column.sensor_key: (column, plan.columns.get(column.name, PlannedColumn())) for column in fmt.columns if column.sensor_key}
    in_rows = fmt.layout == "long" or fmt.device_column is not None
    pairs: dict[tuple[str, str], None] = {}
    period_s = 10.0
    for number, chunk in enumerate(read_chunks(path, fmt)):
        if number == 0:
            period_s = _period_s(chunk.time_us)
        pairs.update(dict.fromkeys(chunk_pairs(chunk, device_key, list(by_key))))
        if len(pairs) > MOST_PAIRS:
            raise CsvError("columns", f"the file names more than {MOST_PAIRS:,} sensors; is the right column taken for their names?")
        if not in_rows:
            break
    wanted: dict[str, list[Wanted]] = {}
    for device, key in pairs:
        column, planned = (None, PlannedColumn()) if fmt.layout == "long" else by_key[key]
        unit = "" if column is None else column.unit or ""
        wanted.setdefault(device, []).append(Wanted(key, unit, planned.name.strip(), planned.kind, period_s))
    return wanted


def chunk_pairs(chunk: Any, device_key: str, keys: Sequence[str]) -> list[tuple[str, str]]:
    """The (device, sensor) pairs that a chunk names; `keys` are the sensors of a wide file."""
    count = len(chunk.time_us)
    devices = chunk.device_keys.tolist() if chunk.device_keys is not None else [device_key] * count
    if chunk.sensor_keys is not None:
        return list(dict.fromkeys(zip(devices, chunk.sensor_keys.tolist(), strict=True)))
    return [(device, key) for device in dict.fromkeys(devices) for key in keys]


def _period_s(times_us: "np.ndarray[Any, np.dtype[np.int64]]") -> float:
    steps = np.diff(np.unique(times_us))
    return float(np.median(steps)) / 1e6 if len(steps) else 10.0
