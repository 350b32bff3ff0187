"""Figures in the tokens of the look.

A figure here is a plain dict whose colours are names, `token("trace")`: the browser puts the colours of the theme that is shown
in their place (`andon_device.paint`), so that a switch of theme needs no answer from the server. `resolved` does the same
in Python, and both read one source, `assets/tokens.css`.
"""

import re
from functools import cache
from pathlib import Path
from typing import Any, Literal

Theme = Literal["light", "dark"]
Figure = dict[str, Any]

TOKENS = Path(__file__).resolve().parents[3] / "assets" / "tokens.css"
FONT = "Inter Variable, Inter, system-ui, sans-serif"
CLEAR = "rgba(0,0,0,0)"
_SELECTORS = {"light": ":root", "dark": '[data-theme="dark"]'}
_TOKEN = re.compile(r"^token\(([\w-]+)(?:, ([\d.]+))?\)$")


@cache
def palette(theme: Theme) -> dict[str, str]:
    """The colours of a theme by token, `#rrggbb`: what `tokens.css` says first for it."""
    rules = re.search(rf"^{re.escape(_SELECTORS[theme])} \{{(.*?)\n\}}", TOKENS.read_text(), re.S | re.M)
    if rules is None:
        raise LookupError(f"{TOKENS.name} has no colours for the {theme} theme")
    return dict(re.findall(r"--([\w-]+):\s*(#[0-9a-fA-F]{6})", rules[1]))


def token(name: str, alpha: float = 1.0) -> str:
    """The colour of a token as figures name it, more or less see-through. Raises KeyError for one that no theme has."""
    if name not in palette("light"):
        raise KeyError(name)
    return f"token({name})" if alpha == 1 else f"token({name}, {alpha:g})"


def colour(named: str, theme: Theme) -> str:
    """`token(…)` as CSS writes it; any other text stays."""
    found = _TOKEN.match(named)
    if found is None:
        return named
    hexadecimal = palette(theme)[found[1]]
    if found[2] is None:
        return hexadecimal
    red, green, blue = (int(hexadecimal[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red},{green},{blue},{found[2]})"


def resolved(part: Any, theme: Theme) -> Any:
    """A figure, or any part of one, with colours in place of their names."""
    if isinstance(part, str):
        return colour(part, theme)
    if isinstance(part, dict):
        return {key: resolved(value, theme) for key, value in part.items()}
    if isinstance(part, list | tuple):
        # Data columns hold numbers alone: looking at their first value spares a walk of thousands.
        return list(part) if part and isinstance(part[0], int | float) else [resolved(value, theme) for value in part]
    return part


def layout(**more: Any) -> Figure:
    """What every chart's layout begins with: no frame, thin grid, text in the page's font. Axes in `more` are merged in."""
    axis = {
        "showgrid": False,
        "zeroline": False,
        "showline": False,
        "ticks": "",
        "tickfont": {"size": 11, "color": token("muted")},
        "automargin": False,
    }
    base = {
        "font": {"family": FONT, "size": 11, "color": token("muted")},
        "paper_bgcolor": CLEAR,
        "plot_bgcolor": CLEAR,
        "margin": {"l": 44, "r": 46, "t": 10, "b": 26, "pad": 0},
        "showlegend": False,
        "hovermode": "closest",
        "hoverdistance": 40,
        "hoverlabel": {
            "bgcolor": token("surface"),
            "bordercolor": token("line"),
            "font": {"family": FONT, "size": 12, "color": token("text")},
            "align": "left",
        },
        "separators": ".,",
        "modebar": {
            "remove": [
                "zoom",
                "pan",
                "select",
                "lasso2d",
                "zoomIn2d",
                "zoomOut2d",
                "autoScale2d",
                "resetScale2d",
                "toImage",
            ]
        },
    }
    xaxis = {**axis, **more.pop("xaxis", {})}
    yaxis = {**axis, "showgrid": True, "gridcolor": token("line-soft"), "fixedrange": True, **more.pop("yaxis", {})}
    return {**base, "xaxis": xaxis, "yaxis": yaxis, **more}


def blank() -> Figure:
    """What a chart shows before its first data: nothing, on the page's own ground."""
    hidden = {"visible": False, "fixedrange": True}
    return {"data": [], "layout": {"paper_bgcolor": CLEAR, "plot_bgcolor": CLEAR, "xaxis": hidden, "yaxis": hidden}}
