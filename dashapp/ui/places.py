"""What the palette offers: `/places.json`, with the pages, devices, sensors and actions that the person may open or do.

Fetched once a page load; after that the browser asks with the answer's ETag whether it is still true, and a plant that has not changed
answers 304 from memory.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import dash
import flask
from flask import Blueprint, Flask, Response

from dashapp.actions.actor import Actor
from dashapp.domain.fleet import Role
from dashapp.ingest.catalogue import TenantCatalogue
from dashapp.ui import account, help_pages
from dashapp.ui.context import actor, catalogue, devices_for, services
from dashapp.ui.shortcuts import page_keys

places = Blueprint("places", __name__)
_devices: dict[tuple[int, tuple[str, ...] | None], tuple[TenantCatalogue, str]] = {}


@dataclass(frozen=True, slots=True)
class Action:
    """Something to do by name: a page to open (`href`), or what the browser does (`run`, in `assets/86-keys.js`)."""

    name: str
    words: str = ""
    href: str = ""
    run: str = ""
    keys: str = ""
    role: Role = Role.VIEWER


ACTIONS = [
    Action("Add a device", "new create connect machine", href="/devices/new", role=Role.MANAGER),
    Action("Import a CSV file", "history historian upload data", href="/import", role=Role.MANAGER),
    Action("Switch light or dark", "theme colour mode night", run="theme", keys="t"),
    Action("Pause live values", "stop freeze refresh", run="pause", keys="p"),
    Action("Help for this page", "what is this manual", run="help", keys="h"),
    Action("Keyboard shortcuts", "keys", run="shortcuts", keys="?"),
    Action("Sign out", "log out leave", run="sign-out"),
]
"""In the order of an empty palette; one whose page is not registered is left out."""

VIEWS: list[Callable[[Actor], list[tuple[str, str, str]]]] = []
"""Who has saved views adds a function that gives a person's: (name, href, note)."""


def register(server: Flask) -> None:
    """Adds the route."""
    server.register_blueprint(places)


@places.get("/places.json")
def places_json() -> Response:
    """All of it; 304 where the browser has it already."""
    who = actor()
    body = f'{{"pages":{_json(_pages(who))},"actions":{_json(_actions(who))},"views":{_json(_views(who))},' \
        f'"help":{_json(help_pages.titles())},{_device_json(who)}}}'  # fmt: skip
    etag = f'"{hashlib.blake2b(body.encode(), digest_size=12).hexdigest()}"'
    if flask.request.headers.get("If-None-Match") == etag:
        return Response(status=304, headers={"ETag": etag})
    return Response(body, mimetype="application/json", headers={"ETag": etag})


def _pages(who: Actor) -> list[list[str]]:
    """Pages that have an address of their own, and are no part of another one."""
    from dashapp.ui.shell import may_open

    listed = [page for page in dash.page_registry.values() if (page.get("nav") or page.get("findable")) and may_open(page, who)]
    return [[page["name"], page["path"], page.get("section", ""), page_keys(page)] for page in sorted(listed, key=lambda one: one["order"])]


def _actions(who: Actor) -> list[list[str]]:
    registered = {page["path"] for page in dash.page_registry.values()}
    able = [one for one in ACTIONS if who.role.includes(one.role) and (not one.href or one.href in registered)]
    moves = []
    if who.is_platform:
        plants = [(key, name) for key, name in account.plants(services()) if key != who.tenant_id]
        moves = [Action(f"Change to the plant {name}", "tenant look into", run=f"plant:{key}") for key, name in plants]
    return [[one.name, one.words, one.href, one.run, one.keys] for one in (*able[:-1], *moves, *able[-1:])]


def _views(who: Actor) -> list[tuple[str, str, str]]:
    return [view for views in VIEWS for view in views(who)]


def _device_json(who: Actor) -> str:
    """`"devices":[[key, name, place, set]],"sensor_sets":[[[key, name, unit]]]`: most devices of a plant have the sensors of others."""
    plant, whose = catalogue(), (who.tenant_id, who.lines)
    kept = _devices.get(whose)
    if kept is not None and kept[0] is plant:  # a change of names makes another catalogue
        return kept[1]
    sets: dict[tuple[tuple[str, str, str], ...], int] = {}
    devices: list[list[Any]] = []
    for device in devices_for(who, plant):
        sensors = tuple((one.key, one.name, one.unit) for one in device.sensors.values())
        place = " · ".join(dict.fromkeys(part for part in (device.place, device.line) if part))
        devices.append([device.key, device.name, place, sets.setdefault(sensors, len(sets))])
    if len(_devices) > 100:
        _devices.clear()
    made = f'"devices":{_json(devices)},"sensor_sets":{_json(list(sets))}'
    _devices[whose] = (plant, made)
    return made


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
