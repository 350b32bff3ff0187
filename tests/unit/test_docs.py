"""What the documents say of settings, files and decisions is so."""

import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pytest
from annotated_types import Ge, Le
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from dashapp.cli import main
from dashapp.settings import VERSION, Settings
from tests.quotes import quoted, with_quotes

ROOT = Path(__file__).parents[2]
CONFIGURATION = ROOT / "docs" / "configuration.md"
DECISIONS = ROOT / "docs" / "adr"
LINK = re.compile(r"!?\[[^\]]*\]\(<?([^)>\s]+)>?\)|\bsrc(?:set)?=\"([^\"\s]+)\"")


@cache
def documents() -> tuple[Path, ...]:
    """Every page in Markdown that belongs to the project."""
    files = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "deploy").rglob("*.md")]
    return tuple(file for file in files if "node_modules" not in file.parts)


def prose(file: Path) -> str:
    """The text without its code blocks."""
    return re.sub(r"^```.*?^```", "", file.read_text(), flags=re.S | re.M)


def anchors(file: Path) -> set[str]:
    """What a link may name after #, made of the headings as GitHub makes it."""
    headings = re.findall(r"^#+ (.+)$", prose(file), flags=re.M)
    plain = (re.sub(r"[^\w\s-]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)).strip().lower() for heading in headings)
    return {re.sub(r"\s", "-", heading) for heading in plain}


def links(file: Path) -> list[str]:
    """What a page's links and pictures point at."""
    return [first or second for first, second in LINK.findall(prose(file))]


def variable(name: str, field: FieldInfo) -> str:
    """The environment variable of a setting."""
    alias = field.validation_alias
    return str(alias.choices[0]) if alias is not None else f"ANDON_{name.upper()}"  # type: ignore[union-attr]


def type_words(field: FieldInfo) -> str:
    """The type of a setting, as the table says it."""
    kinds = [kind for kind in get_args(field.annotation) if kind is not type(None)] or [field.annotation]
    if all(isinstance(kind, str) for kind in kinds):
        *others, last = [f"`{kind}`" for kind in kinds]
        return f"{', '.join(others)} or {last}"
    words = {str: "text", int: "number", bool: "0 or 1", Path: "folder", SecretStr: "secret"}[kinds[0]]
    low = next((limit.ge for limit in field.metadata if isinstance(limit, Ge)), None)
    high = next((limit.le for limit in field.metadata if isinstance(limit, Le)), None)
    if high is not None:
        return f"{words}, {low} to {high}"
    return words if low is None else f"{words}, at least {low}"


def default_words(default: Any) -> str:
    """The default of a setting, as the table says it."""
    if default is None:
        return "–"
    return f"`{int(default) if isinstance(default, bool) else default}`"


def test_every_setting_is_documented_with_its_type_and_default_and_nothing_else_is() -> None:
    rows = [re.split(r" \| ", line.strip("| ")) for line in CONFIGURATION.read_text().splitlines() if line.startswith("| `")]
    documented = {row[0]: row[1:3] for row in rows}
    settings = {f"`{variable(n, f)}`": [type_words(f), default_words(f.default)] for n, f in Settings.model_fields.items()}
    assert documented == settings
    assert len(rows) == len(documented)
    assert all(len(row) == 4 and row[3].endswith(".") for row in rows)


def test_variables_that_the_documents_name_are_settings() -> None:
    known = {variable(name, field) for name, field in Settings.model_fields.items()}
    for file in documents():
        named = set(re.findall(r"\bANDON_[A-Z_]*[A-Z]", file.read_text())) - {"ANDON_TEST_POSTGRES", "ANDON_OUTCOMES"}
        assert named <= known, file.relative_to(ROOT)


@pytest.mark.parametrize("file", documents(), ids=lambda file: str(file.relative_to(ROOT)))
def test_links_lead_to_what_is_there(file: Path) -> None:
    dead = []
    for target in links(file):
        path, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        to = (file.parent / path).resolve() if path else file
        if not to.exists() or (anchor and to.suffix == ".md" and anchor not in anchors(to)):
            dead.append(target)
    assert dead == []


def test_every_decision_is_in_the_index_under_its_title() -> None:
    index = (DECISIONS / "README.md").read_text()
    decisions = sorted(DECISIONS.glob("[0-9]*.md"))
    assert [int(file.name[:4]) for file in decisions] == list(range(1, len(decisions) + 1))
    for file in decisions:
        title = file.read_text().partition("\n")[0].removeprefix("# ")
        assert f"[{title}]({file.name})" in index
        assert re.match(rf"{int(file.name[:4])}\. ", title), file.name


def test_a_decision_says_what_it_came_from_and_what_follows() -> None:
    for file in DECISIONS.glob("[0-9]*.md"):
        headings = re.findall(r"^## (.+)$", file.read_text(), flags=re.M)
        assert headings == ["Context", "Decision", "Consequence"], file.name


def test_every_document_can_be_reached_from_the_readme() -> None:
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        file = waiting.pop()
        if file in reached or not file.exists():
            continue
        reached.add(file)
        targets = (target.partition("#")[0] for target in links(file))
        waiting += [(file.parent / target).resolve() for target in targets if target.endswith(".md") and ":" not in target]
    inside = {file for file in documents() if file.is_relative_to(ROOT / "docs") or file.parent == ROOT}
    assert sorted(str(file.relative_to(ROOT)) for file in inside - reached) == []


def test_commands_that_the_documents_name_are_there() -> None:
    text = "\n".join(file.read_text() for file in documents())
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.M))
    made = set(re.findall(r"`make ([a-z-]+)`|^make ([a-z-]+)", text, flags=re.M))
    named = {first or second for first, second in made}
    assert "run" in named
    assert named <= targets
    commands = set(re.findall(r"python app\.py ([a-z][a-z-]+)", text))
    assert "import" in commands
    assert commands <= set(main.commands)


def test_the_readme_quotes_the_figures_that_were_measured() -> None:
    readme = (ROOT / "README.md").read_text()
    assert readme == with_quotes(readme, (ROOT / "docs" / "benchmarks.md").read_text()), "run “python -m tests.quotes”"


def test_a_quoted_table_is_short_and_keeps_the_order() -> None:
    page = """# Benchmarks

| row | what | figure | baseline | ratio | goal |  | what bounds it |
| --- | --- | --- | --- | --- | --- | --- | --- |
| `a` | posts | 7,000 /s | 1,200 /s (ORM) | 5.8 × | ≥ 5 × | met | the disk |
| `b` * | p99 | 8 ms | – | – | ≤ 10 ms | met |  |
"""
    *_, first, second = quoted(page).splitlines()
    assert first == "| posts | 7,000 /s | 5.8 × | ≥ 5 × | met |"
    assert second == "| p99 | 8 ms | – | ≤ 10 ms | met |"
    assert quoted("# Benchmarks") == ""


def test_every_library_has_its_reason() -> None:
    required = re.findall(r"^([a-z0-9-]+)(?:\[.*\])?==", (ROOT / "requirements.txt").read_text(), flags=re.M)
    reasons = re.findall(r"^\| `([a-z0-9-]+)` \| .{10,} \|$", (DECISIONS / "0017-libraries.md").read_text(), flags=re.M)
    assert reasons == required


def test_contributing_is_under_a_page() -> None:
    assert len((ROOT / "CONTRIBUTING.md").read_text().splitlines()) < 60


def test_the_version_is_the_same_everywhere() -> None:
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == VERSION
    assert f"## {VERSION}" in (ROOT / "CHANGELOG.md").read_text()
