"""What the palette offers whom, and what a person sets for themselves."""

import time

import pytest
from flask import Flask
from sqlalchemy import text

from dashapp.actions.actor import ActionError, Actor, Forbidden
from dashapp.actions.preferences import set_preferences
from dashapp.domain.fleet import DeviceSpec, Role, SensorKind, SensorSpec
from db.commands.devices import insert_device
from db.engine import Database
from db.tenancy import tenant_transaction
from tests.integration.access import audit_of, new_platform_user, new_tenant, new_user, person
from tests.integration.browsing import Visitor
from tests.integration.test_every_route import Application, application, plant, whole  # noqa: F401
from tests.integration.web import signed_in_client

pytestmark = pytest.mark.requirement("UI-14")
PAGE = {"Accept": "text/html"}


@pytest.fixture
def server(application: Application) -> Flask:  # noqa: F811
    return application.flask


def actor_of(user) -> Actor:
    return Actor("user", user.id, user.tenant_id, Role(user.role), name=user.name)


def places(server: Flask, user, **headers: str):
    return signed_in_client(server, user).get("/places.json", headers=headers)


def add_device(application: Application, plant: int, key: str, line: str = "") -> None:  # noqa: F811
    sensors = (SensorSpec("temperature", "Temperature", "°C"), SensorSpec("vibration", "Vibration", "mm/s", SensorKind.GAUGE))
    with tenant_transaction(application.services.database.engine, plant) as connection:
        insert_device(connection, plant, DeviceSpec(key, f"Press {key}", "Hall 1", line, sensors))
    application.services.catalogue.forget(plant)


def test_the_palette_offers_what_a_role_may_do(server: Flask, database: Database, plant: int) -> None:  # noqa: F811
    viewer = places(server, new_user(database, plant, Role.VIEWER)).get_json()
    names = [action[0] for action in viewer["actions"]]
    assert names[-1] == "Sign out"
    assert "Switch light or dark" in names
    assert not any(name.startswith(("Add a device", "Import", "Change to")) for name in names)
    assert [page[0] for page in viewer["pages"]][:2] == ["Overview", "Alerts"]
    assert ["Glossary", "glossary"] in viewer["help"]


def test_people_of_the_platform_can_change_to_every_other_plant(server: Flask, database: Database, plant: int) -> None:  # noqa: F811
    other, user = new_tenant(database), new_platform_user(database, plant)
    offered = [action[3] for action in places(server, user).get_json()["actions"]]
    with database.owner.connect() as connection:  # whoever has a demo plant begins there
        here = connection.execute(text("select active_tenant_id from sessions where user_id = :id"), {"id": user.id}).scalar_one()
    assert f"plant:{here}" not in offered
    assert {f"plant:{other}", f"plant:{plant}"} - {f"plant:{here}"} <= set(offered)


def test_the_palette_lists_the_devices_of_the_persons_lines_alone(
    application: Application, server: Flask, database: Database, plant: int,  # noqa: F811
) -> None:  # fmt: skip
    add_device(application, plant, "LN-1", "north")
    add_device(application, plant, "LN-2", "south")
    everything = places(server, new_user(database, plant)).get_json()
    narrowed = places(server, new_user(database, plant, lines=["south"])).get_json()
    assert {"LN-1", "LN-2"} <= {device[0] for device in everything["devices"]}
    assert [device[0] for device in narrowed["devices"]] == ["LN-2"]
    assert narrowed["sensor_sets"][narrowed["devices"][0][3]] == [["temperature", "Temperature", "°C"], ["vibration", "Vibration", "mm/s"]]


def test_a_list_that_has_not_changed_is_not_sent_again(
    application: Application, server: Flask, database: Database, plant: int,  # noqa: F811
) -> None:  # fmt: skip
    user = new_user(database, plant)
    first = places(server, user)
    assert first.headers["Cache-Control"] == "no-store"  # the browser's disk is no place for it: scripts hold it
    again = places(server, user, **{"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    add_device(application, plant, f"NEW-{time.time_ns()}")
    changed = places(server, user, **{"If-None-Match": first.headers["ETag"]})
    assert changed.status_code == 200
    assert len(changed.get_json()["devices"]) == len(first.get_json()["devices"]) + 1


def test_preferences_are_checked_kept_and_written_into_the_log(database: Database, plant: int) -> None:  # noqa: F811
    user = new_user(database, plant)
    set_preferences(database, actor_of(user), {"zone": "Asia/Tokyo", "shortcuts": False})
    kept = person(database, plant, user.id).preferences
    assert (kept["zone"], kept["shortcuts"]) == ("Asia/Tokyo", False)
    assert (f"user:{user.id}", "set_preferences", f"user:{user.id}") in audit_of(database, plant)
    for wrong in ({"zone": "Mars/Olympus"}, {"shortcuts": "yes"}, {"role": "admin"}):
        with pytest.raises(ActionError):
            set_preferences(database, actor_of(user), wrong)
    with pytest.raises(Forbidden):
        set_preferences(database, Actor("key", 1, plant, Role.ADMIN), {"shortcuts": True})
    assert person(database, plant, user.id).preferences == kept


def test_a_chosen_zone_is_told_to_the_scripts_and_taken_back(server: Flask, database: Database, plant: int) -> None:  # noqa: F811
    user = new_user(database, plant)
    client = signed_in_client(server, user)
    for wanted, told in (("Asia/Tokyo", "Asia/Tokyo"), ("plant", "UTC"), ("", "")):
        set_preferences(database, actor_of(user), {"zone": wanted})
        assert f'<html lang="en" data-zone="{told}" data-plant-zone="UTC">' in client.get("/", headers=PAGE).text


def test_switching_keys_off_holds_for_the_next_page(server: Flask, database: Database, plant: int) -> None:  # noqa: F811
    visitor = Visitor(server, new_user(database, plant)).open("/preferences")
    assert visitor.page["shell"]["data-shortcuts"] == "on"
    visitor.set("preferences-keys", value=[])
    answer = visitor.run("preferences-keys-said.children")
    assert "off" in answer["preferences-keys-said"]["children"]
    assert visitor.open("/").page["shell"]["data-shortcuts"] == "off"
