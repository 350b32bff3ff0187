"""A report on paper: A4 with large figures, charts as vectors and tables, and a chart alone as a picture for the mail."""

from functools import cache
from pathlib import Path
from typing import Any

from fpdf import FPDF
from fpdf.enums import TableBordersLayout, XPos, YPos
from fpdf.fonts import FontFace

from dashapp.reports.model import BAD, FINE, Bar, Chart, Report, Table, Tile
from dashapp.reports.pdf_pages import page_picture

FONTS = Path(__file__).parent / "fonts"
MARGIN, WIDTH = 15.0, 180.0  # millimetres
TEXT, MUTED, LINE, SURFACE = (24, 32, 38), (86, 99, 112), (217, 222, 227), (247, 248, 249)
ACCENT, TRACE, GOOD, ALARM = (31, 95, 153), (60, 88, 114), (45, 112, 72), (184, 18, 43)
PICTURE_SCALE = 3.2  # pixels a point: sharp on a phone's screen
ROW_MM, COLUMNS_MM, LABEL_MM, SAID_MM = 6.2, 46.0, 46.0, 24.0


class Paper(FPDF):
    """Pages with a foot that says whose they are."""

    def __init__(self, foot: str = "", size: Any = "A4") -> None:
        super().__init__(format=size, unit="mm")
        self.foot = foot
        for family, file in (("Inter", "latin"), ("InterExt", "latin-ext"), ("InterSigns", "symbols")):
            self.add_font(family, "", FONTS / f"inter-{file}-regular.ttf")
            self.add_font(family, "B", FONTS / f"inter-{file}-bold.ttf")
        self.set_fallback_fonts(["InterExt", "InterSigns"])
        self.set_margin(MARGIN)
        self.set_auto_page_break(True, 18)
        self.c_margin = 0  # text begins where lines and bars do
        self.set_lang("en")

    def finished(self) -> bytes:
        """The document; the files of the fonts are closed."""
        try:
            return bytes(self.output())
        finally:
            self.close_fonts()

    def close_fonts(self) -> None:
        """The library leaves them open."""
        for font in self.fonts.values():
            file = getattr(font, "ttfont", None)
            if file is not None:
                file.close()

    def footer(self) -> None:
        """Drawn by the library at the end of each page."""
        if self.foot:
            self.set_y(-12)
            self.write_at(MARGIN, self.get_y(), self.foot, 7.5, MUTED)
            self.write_at(MARGIN, self.get_y(), f"{self.page_no()} of {{nb}}", 7.5, MUTED, width=WIDTH, align="R")

    def write_at(
        self, x: float, y: float, text: str, size: float, colour: tuple[int, int, int] = TEXT, *, bold: bool = False, width: float = 0.0,
        align: str = "L",
    ) -> None:  # fmt: skip
        """One line of text whose box begins at x, y; cut where it is wider than `width`."""
        if not text:
            return
        self.set_font("Inter", "B" if bold else "", size)
        self.set_text_color(*colour)
        shown = printable(text)
        if width:
            shown = self._cut(shown, width)
        self.set_xy(x, y)
        self.cell(width or None, size * 0.5, shown, align=align)

    def _cut(self, text: str, width: float) -> str:
        if self.get_string_width(text) <= width:
            return text
        while text and self.get_string_width(text + "…") > width:
            text = text[:-1]
        return text.rstrip() + "…"


def pdf_of(report: Report) -> bytes:
    """The report as PDF, with its title in the document's own data."""
    paper = Paper(f"Andon · {report.plant} · {report.title} · made {report.made}")
    paper.set_title(report.title)
    paper.set_author("Andon")
    paper.add_page()
    _head(paper, report)
    _tiles(paper, report.tiles)
    for part in report.parts:
        if isinstance(part, Chart):
            _chart(paper, part)
        else:
            _table(paper, part)
    return paper.finished()


def picture_of(chart: Chart) -> bytes:
    """A chart as PNG, drawn as on paper."""
    paper = Paper(size=(WIDTH + 8, height_of(chart) + 4))
    paper.set_auto_page_break(False)
    paper.set_margin(0)
    paper.add_page()
    draw(paper, chart, 4, 2, WIDTH)
    return page_picture(paper.finished(), 0, PICTURE_SCALE * 0.75)


def _head(paper: Paper, report: Report) -> None:
    paper.write_at(MARGIN, MARGIN, f"{report.plant} · {report.scope}", 9, MUTED)
    paper.write_at(MARGIN, MARGIN + 5.5, report.title, 17, bold=True, width=WIDTH)
    paper.write_at(MARGIN, MARGIN + 15, report.ends, 9, MUTED)
    paper.set_draw_color(*ACCENT)
    paper.set_line_width(0.6)
    paper.line(MARGIN, MARGIN + 21.5, MARGIN + WIDTH, MARGIN + 21.5)
    paper.set_xy(MARGIN, MARGIN + 24.5)
    paper.set_font("Inter", "", 10.5)
    paper.set_text_color(*TEXT)
    paper.multi_cell(WIDTH, 5.2, printable(report.headline), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    paper.ln(3)


def _tiles(paper: Paper, tiles: tuple[Tile, ...]) -> None:
    wide, high, gap, top = (WIDTH - 3 * 3) / 4, 22.0, 3.0, paper.get_y()
    for index, tile in enumerate(tiles):
        x, y = MARGIN + index % 4 * (wide + gap), top + index // 4 * (high + gap)
        paper.set_fill_color(*SURFACE)
        paper.set_draw_color(*LINE)
        paper.set_line_width(0.2)
        paper.rect(x, y, wide, high, style="DF", round_corners=True, corner_radius=1.5)
        paper.write_at(x + 3, y + 2.6, tile.label, 8, MUTED)
        paper.write_at(x + 3, y + 7, tile.value, 17, bold=True)
        paper.set_font("Inter", "B", 17)
        paper.write_at(x + 4.2 + paper.get_string_width(tile.value), y + 11, tile.unit, 8.5, MUTED)
        sign = {FINE: "▲ ", BAD: "▼ "}.get(tile.tone, "") if "points" in tile.note else ""
        paper.write_at(x + 3, y + 16.6, sign + tile.note, 6.8, {FINE: GOOD, BAD: ALARM}.get(tile.tone, MUTED), width=wide - 5)
    paper.set_y(top + -(-len(tiles) // 4) * (high + gap) + 3)


def _chart(paper: Paper, chart: Chart) -> None:
    high = height_of(chart)
    if paper.will_page_break(high):
        paper.add_page()
    y = paper.get_y()
    draw(paper, chart, MARGIN, y, WIDTH)
    paper.set_y(y + high + 3)


def height_of(chart: Chart) -> float:
    """What a chart takes on paper, in millimetres."""
    return 13 + (COLUMNS_MM + 8 if chart.stands else len(chart.bars) * ROW_MM + 2)


def draw(paper: Paper, chart: Chart, x: float, y: float, wide: float) -> None:
    """Title, what it says, and its bars."""
    paper.write_at(x, y, chart.title, 11.5, bold=True)
    paper.write_at(x, y + 6, chart.says, 8, MUTED, width=wide)
    (_columns if chart.stands else _rows)(paper, chart, x, y + 12.5, wide)


def _rows(paper: Paper, chart: Chart, x: float, y: float, wide: float) -> None:
    most = max((bar.base + bar.value for bar in chart.bars), default=0.0) or 1.0
    room = wide - LABEL_MM - SAID_MM
    for index, bar in enumerate(chart.bars):
        top = y + index * ROW_MM
        begin, end = sorted((max(bar.base, 0.0), max(bar.base + bar.value, 0.0)))
        paper.write_at(x, top + 1, bar.label, 8.2, width=LABEL_MM - 2)
        paper.set_fill_color(*_tone(bar))
        paper.rect(x + LABEL_MM + room * begin / most, top + 0.9, max(room * (end - begin) / most, 0.3), ROW_MM - 2, style="F")
        paper.write_at(x + LABEL_MM + room * end / most + 1.5, top + 1, bar.said, 8.2, MUTED if bar.tone == BAD else TEXT)


def _columns(paper: Paper, chart: Chart, x: float, y: float, wide: float) -> None:
    most = chart.most or max((bar.value for bar in chart.bars), default=0.0) or 1.0
    left, high = x + 9.0, COLUMNS_MM
    step = (wide - 9.0) / max(len(chart.bars), 1)
    paper.set_draw_color(*LINE)
    paper.set_line_width(0.2)
    for part in (0.0, 0.5, 1.0):
        level = y + high * (1 - part)
        paper.line(left, level, x + wide, level)
        paper.write_at(x, level - 1.8, f"{most * part:,.0f}{chart.unit if part else ''}", 7, MUTED, width=8, align="R")
    every = max(1, -(-len(chart.bars) // 12))
    for index, bar in enumerate(chart.bars):
        paper.set_fill_color(*_tone(bar))
        tall = high * min(bar.value, most) / most
        if tall > 0:
            paper.rect(left + index * step + step * 0.15, y + high - tall, step * 0.7, tall, style="F")
        if index % every == 0:
            paper.write_at(left + index * step - 4, y + high + 1.2, bar.label, 7, MUTED, width=step + 8, align="C")
    if chart.mark is not None:
        level = y + high * (1 - chart.mark / most)
        paper.set_draw_color(*ALARM)
        with paper.local_context(dash_pattern={"dash": 1.2, "gap": 1}):
            paper.line(left, level, x + wide, level)
        paper.write_at(x + wide - 40, level - 3.8, chart.mark_words, 7, ALARM, width=40, align="R")


def _tone(bar: Bar) -> tuple[int, int, int]:
    return ALARM if bar.tone == BAD else GOOD if bar.tone == FINE else TRACE


def _table(paper: Paper, table: Table) -> None:
    if paper.will_page_break(30):
        paper.add_page()
    paper.write_at(MARGIN, paper.get_y(), table.title, 11.5, bold=True)
    paper.ln(7.5)
    paper.set_x(MARGIN)
    paper.set_font("Inter", "", 8.2)
    paper.set_text_color(*TEXT)
    if not table.rows:
        paper.write_at(MARGIN, paper.get_y(), table.nothing, 8.5, MUTED)
        paper.ln(9)
        return
    paper.set_draw_color(*LINE)
    paper.set_fill_color(255, 255, 255)
    paper.set_line_width(0.2)
    aligned = ["RIGHT" if column in table.numbers else "LEFT" for column in range(len(table.head))]
    with paper.table(
        width=WIDTH, col_widths=table.widths or None, text_align=tuple(aligned), line_height=4.2, padding=(1, 1.2, 1, 1.2),
        borders_layout=TableBordersLayout.HORIZONTAL_LINES, headings_style=FontFace(emphasis="", color=MUTED, fill_color=SURFACE),
    ) as drawn:  # fmt: skip
        for cells in (table.head, *table.rows):
            row = drawn.row()
            for cell in cells:
                row.cell(printable(cell))
    if table.more:
        paper.write_at(MARGIN, paper.get_y() + 1, table.more, 8, MUTED)
        paper.ln(5)
    paper.ln(6)


def printable(text: str) -> str:
    """The text with what no font here has as “?”: a report in another script stays readable where it can be."""
    known = _known()
    plain = text.replace("\u202f", "\u00a0").replace("\r", " ").replace("\t", " ")
    return "".join(sign if sign in "\n" or ord(sign) in known else "?" for sign in plain)


@cache
def _known() -> frozenset[int]:
    paper = Paper()
    known = frozenset(code for font in paper.fonts.values() for code in getattr(font, "cmap", {}))
    paper.close_fonts()
    return known
