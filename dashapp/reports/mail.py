"""A report as a mail: HTML that mail programs show as it is meant (tables, styles on each element, pictures that come along)."""

import base64
from html import escape

from dashapp.reports.model import BAD, FINE, Chart, Report, Table, Tile

TEXT, MUTED, LINE, SURFACE, ACCENT = "#182026", "#566370", "#d9dee3", "#f7f8f9", "#1f5f99"
TONES = {FINE: "#2d7048", BAD: "#b8122b"}
FONT = "font-family:Inter,'Segoe UI',Helvetica,Arial,sans-serif"


def html_of(report: Report, *, pictures: dict[str, str] | None = None) -> str:
    """The mail's body. Pictures are `cid:NAME.png`, or what `pictures` says for a name."""
    parts = "".join(_part(part, pictures) for part in report.parts)
    link = f'<a href="{escape(report.link)}" style="color:{ACCENT}">All reports</a>' if report.link else ""
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>{escape(report.title)}</title></head>
<body style="margin:0;background:#eef0f2;color:{TEXT};{FONT};font-size:15px;line-height:1.45">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0"><tr><td align="center" style="padding:16px 8px">
<table role="presentation" width="720" cellpadding="0" cellspacing="0"
 style="max-width:720px;width:100%;background:#ffffff;border:1px solid {LINE};border-radius:8px">
<tr><td style="padding:24px 24px 12px;border-bottom:3px solid {ACCENT}">
<div style="color:{MUTED};font-size:13px">{escape(report.plant)} · {escape(report.scope)}</div>
<h1 style="margin:4px 0;font-size:23px;line-height:1.25">{escape(report.title)}</h1>
<div style="color:{MUTED};font-size:13px">{escape(report.ends)}</div></td></tr>
<tr><td style="padding:16px 24px 4px">{escape(report.headline)}</td></tr>
<tr><td style="padding:8px 18px">{_tiles(report.tiles)}</td></tr>
{parts}
<tr><td style="padding:14px 24px 22px;color:{MUTED};font-size:12px;border-top:1px solid {LINE}">
Made {escape(report.made)} by Andon. The same is in the PDF that comes with this mail. {link}</td></tr>
</table></td></tr></table></body></html>
"""


def whole_html(html: str, pictures: dict[str, str]) -> str:
    """A stored mail as a file that stands alone; `pictures` are PNG in base64 by name."""
    for name, data in pictures.items():
        html = html.replace(f"cid:{name}.png", f"data:image/png;base64,{data}")
    return html


def in_base64(picture: bytes) -> str:
    """Bytes as they stand in JSON."""
    return base64.b64encode(picture).decode()


def _tiles(tiles: tuple[Tile, ...]) -> str:
    return "".join(_tile(tile) for tile in tiles)  # as many beside each other as there is room for


def _tile(tile: Tile) -> str:
    sign = {FINE: "▲ ", BAD: "▼ "}.get(tile.tone, "") if "points" in tile.note else ""
    return (
        f'<div style="display:inline-block;box-sizing:border-box;width:158px;min-height:92px;margin:5px;vertical-align:top;'
        f'background:{SURFACE};border:1px solid {LINE};border-radius:6px;padding:10px 12px">'
        f'<div style="color:{MUTED};font-size:12px">{escape(tile.label)}</div>'
        f'<div style="font-size:23px;font-weight:650;white-space:nowrap">{escape(tile.value)}'
        f'<span style="font-size:13px;font-weight:400;color:{MUTED}"> {escape(tile.unit)}</span></div>'
        f'<div style="color:{TONES.get(tile.tone, MUTED)};font-size:11.5px;line-height:1.3">{sign}{escape(tile.note)}&nbsp;</div></div>'
    )


def _part(part: Chart | Table, pictures: dict[str, str] | None) -> str:
    inside = _picture(part, pictures) if isinstance(part, Chart) else _table(part)
    return f'<tr><td style="padding:14px 24px 6px">{inside}</td></tr>'


def _picture(chart: Chart, pictures: dict[str, str] | None) -> str:
    source = (pictures or {}).get(chart.key, f"cid:{chart.key}.png")
    told = "; ".join(f"{bar.label} {bar.said or f'{bar.value:.0f}{chart.unit}'}" for bar in chart.bars if bar.value or bar.said)
    return f'<img src="{source}" width="672" style="width:100%;max-width:672px;height:auto" alt="{escape(f"{chart.title}. {told}")}">'


def _table(table: Table) -> str:
    title = f'<h2 style="margin:0 0 6px;font-size:16px">{escape(table.title)}</h2>'
    if not table.rows:
        return f'{title}<div style="color:{MUTED};font-size:13px">{escape(table.nothing)}</div>'
    side = ["right" if column in table.numbers else "left" for column in range(len(table.head))]
    cell = f"padding:5px 6px;border-bottom:1px solid {LINE};font-size:13px;vertical-align:top"
    head = "".join(
        f'<th scope="col" align="{at}" style="{cell};color:{MUTED};font-weight:400;background:{SURFACE}">{escape(name)}</th>'
        for at, name in zip(side, table.head, strict=True)
    )
    rows = "".join(
        "<tr>" + "".join(f'<td align="{at}" style="{cell}">{escape(text)}</td>' for at, text in zip(side, row, strict=True)) + "</tr>"
        for row in table.rows
    )
    more = f'<div style="color:{MUTED};font-size:12px;padding-top:4px">{escape(table.more)}</div>' if table.more else ""
    whole = f'<table width="100%" cellpadding="0" cellspacing="0" style="border-collapse:collapse"><tr>{head}</tr>{rows}</table>'
    return f'{title}<div style="overflow-x:auto">{whole}</div>{more}'
