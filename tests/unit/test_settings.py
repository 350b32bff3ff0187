"""Settings come from the environment and are refused by name where they cannot be read."""

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from dashapp.settings import Settings

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither the tester's variables nor a `.env` file count."""
    for name in (*(f"ANDON_{field.upper()}" for field in Settings.model_fields), "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def test_without_any_setting_it_listens_on_this_host_alone_and_brings_its_database() -> None:
    settings = Settings()
    assert (settings.host, settings.port, settings.data_dir) == ("127.0.0.1", 8050, Path("var"))
    assert settings.embedded
    assert settings.demo
    assert not settings.open_ingest
    assert not settings.auto_register


@pytest.mark.parametrize(
    ("variable", "raw", "field", "value"),
    [
        ("ANDON_PORT", "0", "port", 0),
        ("ANDON_DEMO", "0", "demo", False),
        ("ANDON_JOBS", "0", "jobs", False),
        ("ANDON_DATA_DIR", "/data", "data_dir", Path("/data")),
        ("ANDON_PARTITION_BY", "day", "partition_by", "day"),
        ("andon_log_level", "error", "log_level", "error"),
        ("DATABASE_URL", "postgresql://x/y", "database_url", SecretStr("postgresql://x/y")),
    ],
)
def test_a_variable_sets_its_setting(monkeypatch: pytest.MonkeyPatch, variable: str, raw: str, field: str, value: Any) -> None:
    monkeypatch.setenv(variable, raw)
    assert getattr(Settings(), field) == value


@pytest.mark.requirement("DB-1")
def test_a_database_url_takes_the_embedded_database_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://x/y")
    assert not Settings().embedded


@pytest.mark.parametrize(
    ("variable", "raw"),
    [("ANDON_PORT", "65536"), ("ANDON_PORT", "http"), ("ANDON_PARTITION_BY", "year"), ("ANDON_DEMO", "maybe"), ("ANDON_QUEUE_ROWS", "10")],
)
def test_what_cannot_be_read_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, variable: str, raw: str) -> None:
    monkeypatch.setenv(variable, raw)
    with pytest.raises(ValidationError, match=variable.removeprefix("ANDON_").lower()):
        Settings()


def test_a_file_named_env_counts_and_the_environment_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("ANDON_PORT=9001\nANDON_PLANT_NAME=Mill\nSOMEBODY_ELSES=1\n")
    monkeypatch.setenv("ANDON_PORT", "9002")
    settings = Settings()
    assert (settings.port, settings.plant_name) == (9002, "Mill")


def test_no_secret_is_written_when_settings_are(monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = {"DATABASE_URL", "ANDON_OWNER_DATABASE_URL", "ANDON_OWNER_PASSWORD", "ANDON_INGEST_KEY"}
    for variable in secrets:
        monkeypatch.setenv(variable, "sesame-open")
    assert "sesame" not in repr(Settings())


def test_every_setting_is_read_somewhere() -> None:
    files = [file for folder in ("dashapp", "db", "jobs", "pages") for file in (ROOT / folder).rglob("*.py")]
    code = "\n".join(file.read_text() for file in files if file.name != "settings.py")
    read = set(re.findall(r"[sS]ettings(?:\(\))?\.(\w+)", code))
    assert [field for field in Settings.model_fields if field not in read] == []


def test_every_setting_is_explained_in_a_line() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert "\n" not in field.description, name
