"""Exports in a real browser: the page's numbers are the file's."""

import io
import re

import openpyxl
import pandas as pd
import pytest
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.requirement("EX-1")]


def saved(page: Page, click) -> tuple[str, bytes]:
    with page.expect_download() as begun:
        click()
    return begun.value.suggested_filename, begun.value.path().read_bytes()


def test_the_page_says_how_much_it_is_and_the_file_holds_it(page: Page):
    page.goto("/exports?device=MX-01&sensor=temperature&from=2026-01-01&to=2026-01-02")
    expect(page.get_by_text("There are no readings in this range")).to_be_visible()
    page.goto("/exports?device=MX-01&sensor=temperature&range=1h")
    name, file = saved(page, page.get_by_role("link", name="Download").click)
    frame = pd.read_csv(io.BytesIO(file))
    told = int(page.locator("#exports-rows .kpi-value").inner_text().replace(",", ""))
    assert re.fullmatch(r"MX-01_temperature_.*\.csv", name)
    assert len(frame) == pytest.approx(told, abs=60)  # the plant goes on meanwhile
    page.get_by_text("Parquet", exact=True).click()
    expect(page).to_have_url(re.compile("format=parquet"))
    name, file = saved(page, page.get_by_role("link", name="Download").click)
    parquet = pd.read_parquet(io.BytesIO(file))
    assert name.endswith(".parquet")
    both = frame.merge(parquet.assign(time=parquet["time"].dt.strftime("%Y-%m-%dT%H:%M:%S.%f").str[:-3] + "Z"), on="time")
    assert len(both) > 0
    assert (both["value_x"] == both["value_y"]).all()


def test_a_table_is_saved_as_it_is_shown(page: Page):
    page.goto("/devices/MX-01")
    table = page.get_by_role("table", name=re.compile("^Statistics of"))
    expect(table.locator("tbody tr").first).to_be_visible()
    name, file = saved(page, page.get_by_role("button", name=re.compile("^Save “Statistics of .* as XLSX")).click)
    sheet = openpyxl.load_workbook(io.BytesIO(file)).active
    assert name.endswith(".xlsx")
    shown = [row.locator("th, td").all_inner_texts() for row in table.locator("tbody tr").all()]
    written = [[str(cell) for cell in row if cell is not None] for row in sheet.iter_rows(min_row=2, values_only=True)]
    assert [row[0] for row in written] == [row[0] for row in shown]


def test_the_points_of_a_chart_are_saved(page: Page):
    page.goto("/devices/MX-01")
    expect(page.locator("#device-live .scatterlayer path.js-line").first).to_be_attached()
    name, file = saved(page, page.get_by_role("button", name="Save the points of the live chart as CSV").click)
    frame = pd.read_csv(io.BytesIO(file))
    assert name == "Last-15-minutes.csv"
    drawn = page.evaluate("() => document.querySelector('#device-live .js-plotly-plot').data.reduce((n, trace) => n + trace.y.length, 0)")
    assert abs(len(frame) - drawn) < 100
    assert pd.to_datetime(frame["time"]).is_monotonic_increasing
