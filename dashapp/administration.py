"""What the command line does beside serving: devices, keys, the demo plant, migrations."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import quote

import click
from rich.console import Console
from sqlalchemy import text

from dashapp.actions.actor import ActionError, Actor
from dashapp.actions.demo import bring_demo_back, preview_removal
from dashapp.actions.demo import remove_demo as take_demo_away
from dashapp.actions.devices import create_device, guessed_sensor
from dashapp.actions.keys import create_key as make_key
from dashapp.actions.plant import KEY as PLANT
from dashapp.actions.plant import ensure_plant
from dashapp.domain.fleet import DeviceSpec, Role
from dashapp.serving import demo_progress, open_system
from dashapp.settings import Settings
from db.engine import Database, DatabaseSetupError
from db.engine import migrate as migrate_database
from jobs.demo_plant import finish_removal, make_demo

console = Console(highlight=False, soft_wrap=True)


def administrator(tenant_id: int) -> Actor:
    """Whoever may run commands on the server."""
    return Actor(kind="command", id=0, tenant_id=tenant_id, role=Role.ADMIN, name="command line")


def find_tenant(settings: Settings, database: Database, key: str) -> int:
    """The tenant's id; one's own plant is made where the server never ran. Raises ActionError that names those there are."""
    ensure_plant(database, settings)
    with database.engine.connect() as connection:
        known = {row.key: row.id for row in connection.execute(text("select key, id from andon_tenants()"))}
    if key not in known:
        raise ActionError("tenant", f"there is no tenant {key}; there is: {', '.join(known)}", status=404)
    return int(known[key])


def add_device(settings: Settings, tenant: str, key: str, name: str, place: str, line: str, sensors: Sequence[str]) -> int:
    """Makes a device and a key for it, and shows how to send the first reading."""
    specs = tuple(guessed_sensor(*_key_and_unit(wish)) for wish in sensors or ("temperature:°C",))
    try:
        with open_system(settings) as database:
            actor = administrator(find_tenant(settings, database, tenant))
            create_device(database, actor, DeviceSpec(key, name, place, line, specs))
            _, secret = make_key(database, actor, f"{key}, made with it", ["ingest"], None)
    except (ActionError, DatabaseSetupError) as error:
        console.print(f"[bold]Not done:[/] {error}")
        return 1
    first = specs[0]
    console.print(f"[bold]{key}[/] is there, with: {', '.join(f'{s.key} [{s.unit}]' if s.unit else s.key for s in specs)}", markup=True)
    console.print(f"Its key, shown this once: [bold]{secret}[/]\n\nSend a reading:")
    payload = f'{{"device_id": "{key}", "sensor_type": "{first.key}", "value": 71.2}}'
    print(f"curl -X POST http://localhost:{settings.port}/api/v1/readings -H 'X-API-Key: {secret}' \\")
    print(f"  -H 'Content-Type: application/json' -d '{payload}'")
    console.print(f"\nand look at it: http://localhost:{settings.port}/devices/{quote(key, safe='')}?tenant={tenant}")
    return 0


def create_key(settings: Settings, tenant: str, name: str) -> int:
    """Prints a new ingest key."""
    try:
        with open_system(settings) as database:
            _, secret = make_key(database, administrator(find_tenant(settings, database, tenant)), name, ["ingest"], None)
    except (ActionError, DatabaseSetupError) as error:
        console.print(f"[bold]Not done:[/] {error}")
        return 1
    print(secret)
    return 0


def remove_demo(settings: Settings, *, confirmed: bool) -> int:
    """Says what goes with the demo plant, and takes it away."""
    try:
        with open_system(settings) as database:
            actor = administrator(find_tenant(settings, database, PLANT))
            there = preview_removal(database, actor)
            console.print(
                f"{there.name}: {there.devices} devices, about {there.readings:,} readings, {there.people} people,"
                f" {there.keys} keys in use, {there.log_entries} entries of its log."
            )
            if not (confirmed or click.confirm("Remove all of it?")):
                return 1
            take_demo_away(database, actor, datetime.now(UTC))
            console.print(f"{finish_removal(database):,} rows are gone. “python app.py demo create” brings a new one.")
    except (ActionError, DatabaseSetupError) as error:
        console.print(f"[bold]Not done:[/] {error}")
        return 1
    return 0


def create_demo(settings: Settings) -> int:
    """Makes the demo plant with its history, whatever ANDON_DEMO says."""
    try:
        with open_system(settings) as database:
            bring_demo_back(database, administrator(find_tenant(settings, database, PLANT)), datetime.now(UTC))
            with demo_progress(settings) as told:
                make_demo(database, datetime.now(UTC), days=settings.demo_days, span=settings.partition_by, told=told)
    except (ActionError, DatabaseSetupError) as error:
        console.print(f"[bold]Not done:[/] {error}")
        return 1
    console.print("The demo plant is there; a running server simulates it from now on.")
    return 0


def migrate(settings: Settings, revision: str) -> int:
    """Brings the schema to a revision."""
    try:
        with open_system(settings) as database:
            if revision != "head":
                migrate_database(database, revision)
    except DatabaseSetupError as error:
        console.print(f"[bold]Not done:[/] {error}")
        return 1
    console.print(f"The schema is at {revision}.")
    return 0


def _key_and_unit(wish: str) -> tuple[str, str]:
    key, _, unit = wish.partition(":")
    return re.sub(r"\s+", "_", key.strip()), unit.strip()
