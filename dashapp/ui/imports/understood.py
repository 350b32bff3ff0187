"""What is understood of a file that waits, with what the person has set: everything that the form and the preview show."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from dashapp.ingest import uploads
from dashapp.ingest.csv_columns import QUALITY_NAMES
from dashapp.ingest.csv_format import CsvError, CsvFormat, guess_format, sensor_key, table_of
from dashapp.ingest.csv_names import slug
from dashapp.ingest.csv_plan import Plan, PlannedColumn, PreviewRow, planned_format, preview, sample_of
from dashapp.ui.context import catalogue, services
from db.queries.imports import ImportRow

PREVIEW_ROWS = 8
_FIELDS = {
    "columns": "Columns", "device": "Device", "encoding": "Encoding", "file": "The file", "header": "Header", "separator": "Separator",
    "time": "Time", "values": "Values", "zone": "Zone", "decimal": "Decimal sign",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Understood:
    """`guessed` is the format without the plan's columns, `fmt` the one that the file is read by; None where `problem` says why not.

    `names` are the columns' names wherever they can be told, `cells` the first cells of each.
    """

    plan: Plan
    zone: str
    problem: str = ""
    guessed: CsvFormat | None = None
    fmt: CsvFormat | None = None
    names: tuple[str, ...] = ()
    cells: dict[str, str] = field(default_factory=dict)
    rows: list[PreviewRow] = field(default_factory=list)
    missing: bool = False  # the file itself

    @property
    def devices(self) -> list[str] | None:
        """Keys of the devices that are imported into; None where the rows name them."""
        return None if self.fmt is not None and self.fmt.device_column is not None else [self.plan.device]

    @property
    def needs_device(self) -> bool:
        """Whether somebody has to say which device the file is of."""
        return self.devices is not None and not self.plan.device.strip()


def understand(row: ImportRow, plan: Plan | None = None) -> Understood:
    """Reads the beginning of an import's file by its plan, or by another one."""
    zone = catalogue().zone
    try:
        plan = plan or Plan.of(row.detail.get("plan"))
    except CsvError as error:
        return Understood(Plan(), zone, problem=problem_text(error))
    found = Understood(plan, plan.zone or zone)
    path = uploads.path_of(services().settings, row.upload)
    if path is None:
        return replace(found, problem="The file is not on this server any more. Throw this away and choose the file again.", missing=True)
    try:
        return _read(found, path, row.file_name)
    except OSError as error:
        return replace(found, problem=f"The file cannot be read: {error.strerror}.", missing=True)


def _read(found: Understood, path: Path, file_name: str) -> Understood:
    sample, plan = sample_of(path), found.plan
    try:
        table, _ = table_of(sample, plan.told)
        cells = {
            name: ", ".join(row[at].strip()[:24] for row in table.rows[:3] if row[at].strip()) for at, name in enumerate(table.names[:400])
        }
        found = replace(found, names=table.names, cells=cells)
        guessed = guess_format(sample, zone=found.zone, file_name=file_name, told=plan.told)
        found = replace(found, guessed=guessed)
        fmt = planned_format(sample, plan, zone=found.zone, file_name=file_name)
        return replace(found, fmt=fmt, rows=preview(path, fmt, PREVIEW_ROWS))
    except CsvError as error:
        return replace(found, problem=problem_text(error))


def problem_text(error: CsvError) -> str:
    """`Time: no column holds times; …`."""
    return f"{_FIELDS.get(error.field, error.field.capitalize())}: {error.reason}."


def plan_of_form(before: Understood, told: dict[str, Any], columns: dict[tuple[int, str], Any]) -> Plan:
    """The plan that the form's values make. `told` by name, `columns` by the column's position and part; as guessed where they agree."""
    texts = {name: str(value or "").strip() for name, value in told.items()}
    values: dict[str, Any] = {name: value for name, value in texts.items() if name in Plan.__dataclass_fields__}
    for name in ("device_column", "sensor_column"):
        if name in values:
            values[name] = {"": None, "-": ""}.get(values[name], values[name])
    if "device_choice" in texts:
        chosen = texts["device_choice"]
        values["device"] = texts.get("device_key", "") if chosen == "+" else chosen
        values["device_name"] = texts.get("device_name", "") if chosen == "+" else ""
    kept = dict(before.plan.columns)
    if before.guessed is not None and columns:
        for at in {at for at, _ in columns}:
            if at < len(before.guessed.columns) and (at, "use") in columns:
                _plan_column(before.guessed, at, columns, kept)
    return replace(before.plan, **values, columns=kept)


def _plan_column(guessed: CsvFormat, at: int, parts: dict[tuple[int, str], Any], kept: dict[str, PlannedColumn]) -> None:
    column = guessed.columns[at]
    before = kept.get(column.name, PlannedColumn())
    use = bool(parts.get((at, "use")))
    key = str(parts.get((at, "key"), "") or "").strip()
    if not use:
        planned: str | None = "" if column.sensor_key is not None else None
    else:
        key = key or column.sensor_key or sensor_key(column.name)
        planned = None if key == column.sensor_key else key
    unit = str(parts.get((at, "unit"), before.unit if before.unit is not None else column.unit) or "").strip()
    found = PlannedColumn(
        key=planned,
        name=str(parts.get((at, "name"), before.name) or "").strip(),
        unit=None if unit == (column.unit or "") else unit,
        kind=str(parts.get((at, "kind"), before.kind) or ""),
    )
    if found == PlannedColumn():
        kept.pop(column.name, None)
    else:
        kept[column.name] = found


def can_be_sensor(found: Understood, name: str) -> bool:
    """Whether a column is one that may be imported: it holds neither the time nor a name nor a quality."""
    fmt = found.guessed
    if fmt is None:
        return False
    return name not in (*fmt.time_columns, fmt.device_column, fmt.sensor_column, fmt.quality_column) and slug(name) not in QUALITY_NAMES
