"""The ranking of the palette, asked in the browser that it runs in, with lists that hypothesis makes up."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from playwright.sync_api import Browser, Page

from tests.browser.conftest import leave

pytestmark = pytest.mark.requirement("UI-14")
SCRIPT = Path(__file__).parents[2] / "assets" / "84-fuzzy.js"
KINDS = ("page", "action", "view", "device", "help", "sensor")
FEW = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
WORD = st.text("abcmx01 -ü", min_size=1, max_size=8).filter(lambda text: text.strip())
ENTRIES = st.lists(st.tuples(st.sampled_from(KINDS), WORD, st.text("abx 0", max_size=6)), min_size=1, max_size=12)


@pytest.fixture(scope="module")
def ranker(browser: Browser) -> Iterator[Page]:
    page = browser.new_page()
    page.add_script_tag(path=SCRIPT)
    yield page
    leave(page)


def rank(ranker: Page, query: str, entries: list, recent: dict | None = None) -> list[str]:
    """Titles in their order; an entry is (kind, title, more)."""
    program = """([query, entries, recent]) => {
      const { plain, rank } = andon.fuzzy;
      const made = entries.map(([kind, title, more], at) => (
        { id: kind + ":" + title + ":" + more, kind, title: plain(title), more: plain(more), shown: title }));
      return rank(query, made, 50, new Map(Object.entries(recent))).map((one) => one.shown);
    }"""
    return ranker.evaluate(program, [query, entries, recent or {}])


def names(*titles: str) -> list:
    return [("device", title, "") for title in titles]


def test_the_beginning_of_a_word_goes_before_its_middle(ranker):
    assert rank(ranker, "press", names("Express line", "Old press", "Press 2"))[:2] == ["Press 2", "Old press"]


def test_letters_left_out_are_forgiven(ranker):
    found = rank(ranker, "mx2", names("MX-01 Assembly", "MX-02 Welding Station Beta", "device-002"))
    assert found[0] == "MX-02 Welding Station Beta"
    assert "device-002" not in found
    assert rank(ranker, "wsb", names("MX-02 Welding Station Beta", "Wash")) == ["MX-02 Welding Station Beta"]


def test_every_word_must_be_there_in_any_order(ranker):
    sensors = (("MX-02 Vibration", "Welding"), ("MX-02 Temperature", "Welding"), ("MX-03 Vibration", "Packing"))
    entries = [("sensor", title, more) for title, more in sensors]
    assert rank(ranker, "vib welding", entries) == ["MX-02 Vibration"]
    assert rank(ranker, "welding vib", entries) == ["MX-02 Vibration"]


def test_accents_and_case_do_not_matter(ranker):
    assert rank(ranker, "prazision", names("Präzisionspresse")) == ["Präzisionspresse"]
    assert rank(ranker, "PRÄZ", names("Präzisionspresse")) == ["Präzisionspresse"]


def test_what_was_chosen_lately_goes_before_its_like(ranker):
    entries = names("Press 1", "Press 2", "Press 3")
    assert rank(ranker, "press", entries)[0] == "Press 1"
    assert rank(ranker, "press", entries, {"device:Press 3:": 1})[0] == "Press 3"


@FEW
@given(entries=ENTRIES, which=st.integers(0, 11))
def test_a_title_typed_out_is_found_first(ranker, entries, which):
    wanted = entries[which % len(entries)][1]
    plain = ranker.evaluate("text => andon.fuzzy.plain(text).trim().replace(/\\s+/g, ' ')", wanted)
    found = rank(ranker, plain, [("device", wanted.strip(), ""), *entries])
    first = ranker.evaluate("text => andon.fuzzy.plain(text).trim().replace(/\\s+/g, ' ')", found[0])
    assert first == plain, json.dumps(found)


@FEW
@given(entries=ENTRIES, query=WORD, seed=st.randoms(use_true_random=False))
def test_the_order_of_the_list_does_not_matter(ranker, entries, query, seed):
    unique = list({tuple(entry): entry for entry in entries}.values())
    shuffled = list(unique)
    seed.shuffle(shuffled)
    assert rank(ranker, query, unique) == rank(ranker, query, shuffled)


@FEW
@given(entries=ENTRIES, query=WORD)
def test_what_is_found_holds_the_letters_of_every_word(ranker, entries, query):
    more = {title: "" for _, title, _ in entries}
    for _, title, note in entries:
        more[title] += " " + note
    plain = lambda text: ranker.evaluate("text => andon.fuzzy.plain(text)", text)  # noqa: E731
    for title in rank(ranker, query, entries):
        there = plain(title) + " " + plain(more[title])
        for word in plain(query).split():
            assert set(word) <= set(there), (query, title)


def test_thirty_thousand_entries_are_ranked_between_two_keys(ranker):
    """5,000 devices of five sensors each; the bound is for a slow machine."""
    program = """() => {
      const entries = [];
      for (let i = 0; i < 5000; i++) {
        const key = "MX-" + String(i).padStart(4, "0");
        const line = "press line " + (i % 40);
        entries.push({ id: "device:" + key, kind: "device", title: key.toLowerCase() + " " + line, more: "hall " + (i % 7) });
        for (const one of ["temperature", "vibration", "pressure", "produced", "fault"])
          entries.push({ id: "sensor:" + key + one, kind: "sensor", title: key.toLowerCase() + " " + one, more: line });
      }
      const once = (query) => {
        const began = performance.now();
        andon.fuzzy.rank(query, entries);
        return performance.now() - began;
      };
      const best = (query) => Math.min(...Array.from({ length: 8 }, () => once(query))); // the machine has other things to do, too
      return Math.max(...["m", "mx4", "mx-0417", "vib 0417", "press 12 temp", "zzz"].map(best));
    }"""
    slowest = ranker.evaluate(program)
    print(f"slowest of six queries over 30,000 entries: {slowest:.0f} ms")
    assert slowest < 400
