"""The trees that the plain parts make, the props that the components send, and what the assets promise."""

import re
from pathlib import Path

import pytest
from dash.development.base_component import Component, ComponentRegistry
from plotly.offline import get_plotlyjs_version

from dashapp.ui import components
from dashapp.ui.components import (
    DeviceCards,
    Gauge,
    HourHeatmap,
    Icon,
    LiveStatus,
    Sparkline,
    StateLegend,
    StateTimeline,
    ThemeButton,
    card,
    chip,
    empty_state,
    format_value,
    kpi,
    priority_mark,
    skeleton,
    stat_table,
)
from dashapp.ui.forms import CopyButton, Field, Form

ASSETS = Path(__file__).parents[3] / "assets"
FORMS = [CopyButton, Field, Form]
COMPONENTS = [DeviceCards, Gauge, HourHeatmap, Icon, LiveStatus, Sparkline, StateLegend, StateTimeline, ThemeButton]


def texts(tree: object) -> list[str]:
    """Every string under a component, in reading order."""
    if isinstance(tree, Component):
        return texts(getattr(tree, "children", None))
    if isinstance(tree, list | tuple):
        return [text for child in tree for text in texts(child)]
    return [] if tree is None or tree == "" else [str(tree)]


def classes(tree: object) -> list[str]:
    if isinstance(tree, list | tuple):
        return [name for child in tree for name in classes(child)]
    if not isinstance(tree, Component):
        return []
    return [*getattr(tree, "className", "").split(), *classes(getattr(tree, "children", None))]


@pytest.mark.parametrize("component", [*COMPONENTS, *FORMS])
def test_each_component_is_registered_under_the_name_that_the_browser_looks_up(component: type[Component]) -> None:
    assert component._namespace == "andon"
    assert component._type == component.__name__
    assert ComponentRegistry.children_props["andon"][component.__name__] == []
    assert ComponentRegistry.namespace_to_package["andon"] == "dashapp"
    scripts = "".join(path.read_text() for path in ASSETS.glob("[0-9]*.js"))
    assert f"andon.{component.__name__} = " in scripts


def test_every_component_is_exported() -> None:
    assert {component.__name__ for component in COMPONENTS} <= set(components.__all__)


def test_a_component_sends_the_props_that_were_given_and_leaves_out_none() -> None:
    sent = Gauge("g", value=0, unit="°C", limit_high=90).to_plotly_json()

    assert (sent["namespace"], sent["type"]) == ("andon", "Gauge")
    assert sent["props"]["id"] == "g"
    assert sent["props"]["value"] == 0
    assert sent["props"]["limit_high"] == 90
    assert "limit_low" not in sent["props"]


def test_a_component_takes_a_pattern_id_and_refuses_an_unknown_prop() -> None:
    assert Gauge({"type": "gauge", "sensor": "temperature"}).id == {"type": "gauge", "sensor": "temperature"}
    with pytest.raises(TypeError, match="limit"):
        Gauge("g", limit=3)  # type: ignore[call-arg]


def test_lists_that_were_not_given_are_sent_empty_or_left_to_the_browser() -> None:
    assert DeviceCards("cards", devices=[]).to_plotly_json()["props"]["devices"] == []
    assert StateTimeline(start_ms=0, end_ms=1).to_plotly_json()["props"] == {
        "start_ms": 0,
        "end_ms": 1,
        "zone": "UTC",
        "legend": True,
    }


def test_a_heatmap_has_the_hours_of_a_day_unless_it_is_told_others() -> None:
    assert HourHeatmap().hours[:3] == ["00", "01", "02"]
    assert len(HourHeatmap().hours) == 24
    assert HourHeatmap(hours=["Mon", "Tue"]).hours == ["Mon", "Tue"]


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (None, 1, "–"),
        (float("nan"), 1, "–"),
        (float("inf"), None, "–"),
        (0, None, "0"),
        (74.6, 1, "74.6"),
        (74, 1, "74.0"),
        (4318, None, "4,318"),
        (1234567.891, 1, "1,234,567.9"),
        (-3.25, None, "−3.25"),
        (-0.04, 1, "0.0"),
        (2.5, 0, "3"),
        (1.005, 2, "1.00"),
        (100.0, None, "100"),
        ("not set", 1, "not set"),
    ],
)
def test_a_number_is_written_with_separators_and_a_fixed_number_of_decimals(
    value: float | str | None, decimals: int | None, text: str
) -> None:
    assert format_value(value, decimals) == text


def test_a_tile_reads_label_value_unit_and_note() -> None:
    assert texts(kpi("OEE this shift", 71.4, "%", "target 80 %")) == ["OEE this shift", "71.4", "%", "target 80 %"]


def test_a_tile_draws_its_share_within_the_bar_and_a_tick_at_the_target() -> None:
    bar = next(part for part in kpi("OEE", 104, "%", "", share=104, target=80).children if "bar" in classes(part))
    fill, tick = bar.children
    assert fill.style == {"width": "100.0%"}
    assert tick.style == {"left": "80.0%"}


@pytest.mark.requirement("UI-12")
@pytest.mark.parametrize(("priority", "mark"), [("critical", "◆"), ("high", "▲"), ("medium", "■"), ("low", "●")])
def test_a_priority_is_told_by_shape_and_word_as_well_as_colour(priority: str, mark: str) -> None:
    assert texts(chip(priority, "Above 90 °C")) == [f"{mark} ", f"{priority}: ", "Above 90 °C"]
    assert classes(chip(priority, "Above 90 °C"))[:2] == ["chip", priority]
    assert texts(priority_mark(priority)) == [mark, priority]


def test_a_chip_does_not_say_its_priority_twice_and_is_grey_when_all_is_well() -> None:
    assert texts(chip("critical", "critical")) == ["◆ ", "critical"]
    assert classes(chip("normal", "Running")) == ["chip"]


def test_a_card_has_its_heading_its_aside_and_its_content_in_this_order() -> None:
    made = card("Needs attention", "content", aside="3 unacknowledged", id="overview-needs", className="wide")

    assert texts(made) == ["Needs attention", "3 unacknowledged", "content"]
    assert (made.id, made.className) == ("overview-needs", "card wide")
    assert made.children[0].children[0]._type == "H2"


def test_an_empty_state_says_what_happened_and_what_to_do() -> None:
    assert texts(empty_state("No alerts", "None was raised.", "Make a rule")) == [
        "No alerts",
        "None was raised.",
        "Make a rule",
    ]


@pytest.mark.parametrize(("height", "css"), [(80, "80px"), ("12rem", "12rem")])
def test_a_skeleton_keeps_the_height_of_what_will_stand_there(height: int | str, css: str) -> None:
    assert skeleton(height).style == {"height": css}


@pytest.mark.parametrize("row", [["mean", 84.25, None], {"": "mean", "1 h": 84.25, "24 h": None}])
def test_a_table_of_figures_names_its_rows_and_formats_its_numbers(row: list[object] | dict[str, object]) -> None:
    table = stat_table([row], ["", "1 h", "24 h"], caption="Temperature")

    assert texts(table) == ["Temperature", "1 h", "24 h", "mean", "84.25", "–"]
    first, *others = table.children[2].children[0].children
    assert (first._type, first.scope) == ("Th", "row")
    assert {cell._type for cell in others} == {"Td"}


def tokens(selector: str) -> dict[str, str]:
    """The colours of one block of tokens.css."""
    css = (ASSETS / "tokens.css").read_text()
    block = css[css.index(selector + " {") :].split("}", 1)[0]
    return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", block))


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, relative luminance: (lighter + 0.05) / (darker + 0.05)."""

    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.requirement("UI-12")
@pytest.mark.parametrize("theme", [":root", '[data-theme="dark"]'])
def test_every_text_has_the_contrast_of_wcag_aa_on_every_ground(theme: str) -> None:
    colours = tokens(theme)
    priorities = ("critical", "high", "medium", "low")
    pairs = [
        (text, ground)
        for text in ("text", "muted", "faint", "accent", *priorities)
        for ground in ("bg", "surface", "raised")
    ]
    pairs += [(priority, f"{priority}-soft") for priority in priorities]
    pairs += [(text, f"{soft}-soft") for text in ("text", "muted") for soft in ("accent", *priorities)]
    pairs += [("accent", "accent-soft"), ("on-accent", "accent")]

    low = {
        pair: round(contrast(*(colours[name] for name in pair)), 2)
        for pair in pairs
        if contrast(*(colours[name] for name in pair)) < 4.5
    }
    assert low == {}
    assert all(contrast(colours["edge"], colours[ground]) >= 3 for ground in ("bg", "surface", "raised"))


@pytest.mark.requirement("UI-12")
def test_the_dark_theme_is_the_same_whether_chosen_or_the_systems() -> None:
    assert tokens('[data-theme="dark"]') == tokens(":root:not([data-theme])")
    assert tokens('[data-theme="dark"]').keys() == tokens(":root").keys()


@pytest.mark.requirement("UI-15")
def test_no_asset_of_ours_names_another_host() -> None:
    ours = [
        path
        for path in ASSETS.glob("*.*")
        if path.suffix in {".css", ".js"} and path.name not in {"plotly.min.js", "05-bootstrap.css"}
    ]
    assert len(ours) > 10
    assert [path.name for path in ours if re.search(r"https?://|@import|url\([\"']?//", path.read_text())] == []


@pytest.mark.requirement("UI-15")
def test_the_chart_library_is_the_version_that_the_figures_are_written_for_and_needs_no_eval() -> None:
    library = (ASSETS / "plotly.min.js").read_text()
    assert f"plotly.js v{get_plotlyjs_version()}, custom bundle" in library
    assert not re.search(r"\beval\(|new Function\(", library)
    assert len(library) < 1_000_000


def test_every_font_that_the_styles_name_is_there() -> None:
    named = re.findall(r'url\("(fonts/[^"]+)"\)', (ASSETS / "10-base.css").read_text())
    assert len(named) == 3
    assert [name for name in named if not (ASSETS / name).is_file()] == []
