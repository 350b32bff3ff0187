"""What a report is made of: plain values, drawn by `pdf` and `mail` alike."""

from dataclasses import dataclass

FINE, BAD, PLAIN = "fine", "bad", ""


@dataclass(frozen=True, slots=True)
class Tile:
    """A large figure with its name, its unit and what it is to be compared with. `tone` is fine, bad or nothing."""

    label: str
    value: str
    unit: str = ""
    note: str = ""
    tone: str = PLAIN


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar from `base` to `base + value`; `said` stands at its end."""

    label: str
    value: float
    said: str = ""
    base: float = 0.0
    tone: str = PLAIN


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars that lie (`rows`) or stand (`columns`); a line at `mark` where there is one."""

    key: str
    title: str
    says: str
    bars: tuple[Bar, ...]
    stands: bool = False
    most: float | None = None
    mark: float | None = None
    mark_words: str = ""
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Texts under headings; `numbers` are the columns that are right-aligned. Without rows `nothing` is said."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    nothing: str
    numbers: tuple[int, ...] = ()
    widths: tuple[int, ...] = ()
    more: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """A whole report."""

    title: str
    plant: str
    scope: str
    period: str
    ends: str
    made: str
    tiles: tuple[Tile, ...]
    parts: tuple[Chart | Table, ...]
    link: str = ""
    headline: str = ""

    @property
    def charts(self) -> list[Chart]:
        """Those among its parts."""
        return [part for part in self.parts if isinstance(part, Chart)]

    @property
    def text(self) -> str:
        """The report as plain text, for mail programs that show no other."""
        lines = [self.title, f"{self.plant}, {self.scope}", self.ends, "", self.headline, ""]
        for tile in self.tiles:
            lines.append(f"{tile.label}: {tile.value} {tile.unit}".rstrip() + (f" ({tile.note})" if tile.note else ""))
        for part in self.parts:
            if isinstance(part, Table):
                lines += ["", part.title, *(" · ".join(cell for cell in row if cell) for row in part.rows or ((part.nothing,),))]
        return "\n".join([*lines, "", f"Made {self.made}." + (f" {self.link}" if self.link else "")])
