"""The container holds the same thing as `make run`: read from the Dockerfile, as no engine is at hand where the tests run."""

import ast
import json
import re
import shlex
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from dashapp.settings import Settings

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.requirement("OP-1", "OP-3")


def instructions() -> list[tuple[str, str]]:
    """(instruction, what follows it), lines that end in a backslash joined, comments left out."""
    text = "\n".join(line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.startswith("#"))
    lines = re.sub(r"\\\n\s*", " ", text).splitlines()
    return [(word.upper(), rest.strip()) for word, _, rest in (line.partition(" ") for line in lines if line.strip())]


def all_of(word: str) -> list[str]:
    return [rest for name, rest in instructions() if name == word]


def environment() -> dict[str, str]:
    return dict(pair.split("=", 1) for rest in all_of("ENV") for pair in shlex.split(rest))


def copied() -> list[str]:
    return [source for rest in all_of("COPY") for source in shlex.split(rest)[:-1]]


def test_the_base_is_the_python_that_the_project_is_tested_with() -> None:
    assert all_of("FROM") == ["python:3.11-slim-bookworm"]


def test_it_runs_as_a_plain_user_who_owns_the_data_folder() -> None:
    words = [word for word, _ in instructions()]
    (user,) = all_of("USER")
    made = next(rest for rest in all_of("RUN") if rest.startswith("useradd"))
    assert user not in ("root", "0")
    assert shlex.split(made)[-1] == user
    assert environment()["ANDON_DATA_DIR"] in shlex.split(made)
    assert words.index("USER") < words.index("CMD")
    assert "RUN" not in words[words.index("USER") :]


def test_the_data_folder_is_a_volume() -> None:
    assert all_of("VOLUME") == [environment()["ANDON_DATA_DIR"]]


def test_one_port_is_exposed_and_it_is_the_one_listened_on() -> None:
    assert all_of("EXPOSE") == [environment()["ANDON_PORT"]] == [str(Settings.model_fields["port"].default)]
    assert environment()["ANDON_HOST"] == "0.0.0.0"


def test_every_andon_variable_is_a_setting() -> None:
    names = {f"ANDON_{name.upper()}" for name in Settings.model_fields}
    assert {name for name in environment() if name.startswith("ANDON_")} <= names


def test_the_command_is_that_of_make_run() -> None:
    (command,) = all_of("CMD")
    run = re.search(r"exec \$\(BIN\)/(.+)", (ROOT / "Makefile").read_text())
    assert run is not None
    assert json.loads(command) == run.group(1).split()


def test_the_requirements_are_those_of_make_run_and_no_build_tools_stay() -> None:
    installs = [rest for rest in all_of("RUN") if "pip install" in rest]
    assert installs == ["pip install -r requirements.txt"]
    assert environment()["PIP_NO_CACHE_DIR"] == "1"
    assert not any("apt" in rest for rest in all_of("RUN"))


def test_what_is_copied_is_there_and_survives_dockerignore() -> None:
    ignored, *kept = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert ignored == "*"
    for path in copied():
        assert (ROOT / path).exists(), path
        assert f"!{path}" in kept, path
    assert {line for line in kept if line.startswith("!")} == {f"!{path}" for path in copied()}


def test_every_module_that_the_code_imports_is_copied() -> None:
    packages = {path.name for path in ROOT.iterdir() if (path / "__init__.py").exists()} | {"pages"}
    there = [Path(path) for path in copied()]
    files = [file for path in there for file in ((ROOT / path).rglob("*.py") if (ROOT / path).is_dir() else [ROOT / path])]
    for file in files:
        if file.suffix != ".py":
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
            for package in {name.partition(".")[0] for name in names} & packages:
                assert Path(package) in there, f"{file.relative_to(ROOT)} imports {package}"


def health_check() -> list[str]:
    _, _, command = all_of("HEALTHCHECK")[0].partition("CMD ")
    return json.loads(command)


def run_health_check(port: int) -> int:
    program = [sys.executable, *health_check()[1:]]
    return subprocess.run(program, env={**environment(), "ANDON_PORT": str(port)}, capture_output=True, check=False).returncode


def test_the_health_check_gives_the_first_start_time_for_its_history() -> None:
    assert "--start-period=180s" in all_of("HEALTHCHECK")[0]
    assert health_check()[0] == "python"


def test_the_health_check_passes_on_200_alone() -> None:
    answers = iter([200, 503])
    asked = []

    class Door(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(next(answers))
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Door) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        passed = [run_health_check(server.server_port) == 0 for _ in range(2)]
        server.shutdown()
        thread.join()
    assert passed == [True, False]
    assert asked == ["/api/v1/health"] * 2
    assert run_health_check(server.server_port) != 0  # nobody listens any more
