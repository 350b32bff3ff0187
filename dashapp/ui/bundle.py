"""Our own scripts and styles as one file each: a browser asks for six files at a time, and each costs the server as much as a value.

The files in `assets/` stay what they are; they are joined in the order of their names, which is the order in which Dash would list them.
"""

import hashlib
import re
from functools import cache
from pathlib import Path

from flask import Flask, Response

ASSETS = Path(__file__).resolve().parents[2] / "assets"
SCRIPT, STYLES = "/assets/andon.js", "/assets/andon.css"
APART = ("00-theme.js", "kiosk-open.js", "plotly.min.js")  # before anything is painted; of one page; only where there is a chart
OWN_SCRIPT = re.compile(r'<script src="/assets/[^"]*"></script>')
OWN_STYLE = re.compile(r'<link rel="stylesheet" href="/assets/[^"]*">')


@cache
def script() -> bytes:
    """Every script of ours but those apart."""
    files = [file for file in sorted(ASSETS.glob("*.js")) if file.name not in APART]
    return b"\n;".join(file.read_bytes() for file in files)


@cache
def styles() -> bytes:
    """Every style sheet of ours."""
    return b"\n".join(file.read_bytes() for file in sorted(ASSETS.glob("*.css")))


@cache
def asset(name: str) -> str:
    """A file's URL as Dash writes it: its time of change makes it cacheable for ever."""
    return f"/assets/{name}?m={(ASSETS / name).stat().st_mtime}"


@cache
def script_url() -> str:
    """With the hash of its content: cacheable for ever."""
    return f"{SCRIPT}?m={_hash(script())}"


@cache
def styles_url() -> str:
    """With the hash of its content: cacheable for ever."""
    return f"{STYLES}?m={_hash(styles())}"


def one_script(lines: str) -> str:
    """Dash's list of scripts with one of ours in the place of the first."""
    return _one(OWN_SCRIPT, lines, f'<script src="{script_url()}"></script>')


def one_style_sheet(lines: str) -> str:
    """Dash's list of style sheets with one of ours in the place of the first."""
    return _one(OWN_STYLE, lines, f'<link rel="stylesheet" href="{styles_url()}">')


def register_bundle(server: Flask) -> None:
    """The two routes; `dashapp.static_files` asks each once and keeps it, compressed."""
    server.add_url_rule(SCRIPT, "bundle.script", lambda: Response(script(), mimetype="text/javascript"))
    server.add_url_rule(STYLES, "bundle.styles", lambda: Response(styles(), mimetype="text/css"))


def _one(pattern: "re.Pattern[str]", lines: str, ours: str) -> str:
    first = iter([ours])
    return pattern.sub(lambda _found: next(first, ""), lines)


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
