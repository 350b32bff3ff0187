"""Saved views: whose they are, who may share them, what stays of them in the log, and where Andon opens for somebody."""

from datetime import date
from typing import Any

import pytest
from sqlalchemy import text

from dashapp.actions import views
from dashapp.actions.actor import ActionError, Actor, Forbidden
from dashapp.domain.fleet import Role
from dashapp.domain.shifts import PatternError
from db.commands.shifts import delete_shift_calendar, insert_shift_calendar
from db.engine import Database
from db.queries import people
from db.queries.shifts import shift_calendars
from db.tenancy import tenant_reading, tenant_transaction
from tests.integration.access import audit_of, new_platform_user, new_tenant, new_user

pytestmark = pytest.mark.requirement("UI-13")


def acting(user: people.Person, *, inside: int | None = None) -> Actor:
    """The person as the pages have them; `inside`: the plant that somebody of the platform looks into."""
    plant = inside or user.tenant_id
    role = Role.ADMIN if inside else Role(user.role)
    return Actor("user", user.id, plant, role, name=user.name, is_platform=user.is_platform, home_tenant_id=user.tenant_id)


def somebody(database: Database, tenant: int, role: Role = Role.VIEWER) -> Actor:
    return acting(new_user(database, tenant, role))


def listed(database: Database, actor: Actor) -> list[tuple[str, str, bool]]:
    return [(view.name, view.path, view.is_shared) for view in views.saved_views(database, actor)]


def test_a_view_is_its_persons_alone_and_they_are_listed_by_name(database: Database, tenant: int) -> None:
    anna, ben = somebody(database, tenant), somebody(database, tenant)
    views.save_view(database, anna, "  Welding,  last night ", "/devices/MX-02?range=last-night-shift")
    views.save_view(database, anna, "assembly", "/devices?q=assembly&tenant=plant")
    assert listed(database, anna) == [
        ("assembly", "/devices?q=assembly", False), ("Welding, last night", "/devices/MX-02?range=last-night-shift", False),
    ]  # fmt: skip
    assert listed(database, ben) == []


def test_another_persons_view_can_be_neither_changed_nor_removed(database: Database, tenant: int) -> None:
    anna, boss = somebody(database, tenant), somebody(database, tenant, Role.ADMIN)
    made = views.save_view(database, anna, "Mine", "/devices")
    attempts: list[Any] = [
        lambda who: views.rename_view(database, who, made, "Yours"),
        lambda who: views.remove_view(database, who, made),
        lambda who: views.share_view(database, who, made),
    ]
    stranger = somebody(database, new_tenant(database), Role.ADMIN)
    for attempt in attempts:
        for who in (boss, stranger):
            with pytest.raises(ActionError) as caught:
                attempt(who)
            assert caught.value.status == 404
    assert listed(database, anna) == [("Mine", "/devices", False)]


def test_a_name_is_there_once_and_can_be_changed(database: Database, tenant: int) -> None:
    anna = somebody(database, tenant)
    first = views.save_view(database, anna, "Line 1", "/devices?q=line-1")
    second = views.save_view(database, anna, "Line 2", "/devices?q=line-2")
    for refused in (lambda: views.save_view(database, anna, "LINE 1", "/"), lambda: views.rename_view(database, anna, second, "line 1")):
        with pytest.raises(ActionError) as caught:
            refused()
        assert (caught.value.field, caught.value.status) == ("name", 409)
    views.rename_view(database, anna, first, "LINE 1")  # its own name in other letters
    views.remove_view(database, anna, second)
    assert listed(database, anna) == [("LINE 1", "/devices?q=line-1", False)]


AWAY = ["https://evil.example", "//evil.example", "javascript:alert(1)", "", "/_dash-layout", "/" + "x" * 3000]


@pytest.mark.parametrize("address", AWAY)
def test_only_addresses_of_andon_are_kept(database: Database, tenant: int, address: str) -> None:
    anna = somebody(database, tenant)
    for refused in (lambda: views.save_view(database, anna, "Away", address), lambda: views.open_here(database, anna, address)):
        with pytest.raises(ActionError) as caught:
            refused()
        assert caught.value.field == "address"


@pytest.mark.parametrize("name", ["", "   ", "\x00", "x" * 101])
def test_a_view_has_a_name(database: Database, tenant: int, name: str) -> None:
    with pytest.raises(ActionError) as caught:
        views.save_view(database, somebody(database, tenant), name, "/")
    assert caught.value.field == "name"


def test_there_is_an_end_to_saving(database: Database, tenant: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "MOST_VIEWS", 2)
    anna = somebody(database, tenant)
    for number in range(2):
        views.save_view(database, anna, f"View {number}", "/")
    with pytest.raises(ActionError, match="remove one first"):
        views.save_view(database, anna, "One more", "/")


def test_a_manager_shares_a_view_with_the_plant_and_takes_it_back_and_the_log_says_so(database: Database, tenant: int) -> None:
    manager, viewer = somebody(database, tenant, Role.MANAGER), somebody(database, tenant)
    elsewhere = somebody(database, new_tenant(database))
    made = views.save_view(database, manager, "Night shift", "/devices?sort=age")
    before = len(audit_of(database, tenant))
    shared = views.share_view(database, manager, made)
    assert listed(database, viewer) == listed(database, manager) == [("Night shift", "/devices?sort=age", True)]
    assert listed(database, elsewhere) == []
    views.rename_view(database, manager, shared, "Nights")
    back = views.unshare_view(database, manager, shared)
    assert listed(database, viewer) == []
    assert listed(database, manager) == [("Nights", "/devices?sort=age", False)]
    views.remove_view(database, manager, views.share_view(database, manager, back))
    actions = [action for _, action, _ in audit_of(database, tenant)[before:]]
    assert actions == ["share_view", "rename_view", "unshare_view", "share_view", "remove_view"]


def test_sharing_and_what_is_shared_is_for_managers(database: Database, tenant: int) -> None:
    manager, operator = somebody(database, tenant, Role.MANAGER), somebody(database, tenant, Role.OPERATOR)
    own = views.save_view(database, operator, "Mine", "/")
    shared = views.share_view(database, manager, views.save_view(database, manager, "Ours", "/devices"))
    for refused in (
        lambda: views.share_view(database, operator, own),
        lambda: views.unshare_view(database, operator, shared),
        lambda: views.rename_view(database, operator, shared, "Theirs"),
        lambda: views.remove_view(database, operator, shared),
    ):
        with pytest.raises(Forbidden):
            refused()
    assert listed(database, operator) == [("Mine", "/", False), ("Ours", "/devices", True)]


def test_sharing_a_name_that_the_plant_has_changes_nothing(database: Database, tenant: int) -> None:
    one, two = somebody(database, tenant, Role.MANAGER), somebody(database, tenant, Role.MANAGER)
    views.share_view(database, one, views.save_view(database, one, "Ours", "/devices"))
    mine = views.save_view(database, two, "ours", "/")
    with pytest.raises(ActionError) as caught:
        views.share_view(database, two, mine)
    assert caught.value.status == 409
    assert ("ours", "/", False) in listed(database, two)


@pytest.mark.requirement("FL-4")
def test_somebody_of_the_platform_has_views_of_each_plant_apart(database: Database, tenant: int) -> None:
    home = new_tenant(database)
    user = new_platform_user(database, home)
    at_home, abroad = acting(user), acting(user, inside=tenant)
    views.save_view(database, at_home, "Here", "/devices")
    made = views.save_view(database, abroad, "There", "/devices")
    assert listed(database, at_home) == [("Here", "/devices", False)]
    assert listed(database, abroad) == [("There", "/devices", False)]
    shared = views.share_view(database, abroad, made)
    assert listed(database, somebody(database, tenant)) == [("There", "/devices", True)]
    with pytest.raises(ActionError):
        views.remove_view(database, at_home, shared)  # it is of the other plant
    views.unshare_view(database, abroad, shared)
    assert listed(database, abroad) == [("There", "/devices", False)]


def test_views_go_with_their_person(database: Database, tenant: int) -> None:
    anna = somebody(database, tenant)
    views.save_view(database, anna, "Mine", "/")
    with tenant_transaction(database.engine, tenant) as connection:
        connection.execute(text("delete from users where id = :id"), {"id": anna.id})
        assert connection.execute(text("select count(*) from saved_views")).scalar_one() == 0


def test_andon_opens_where_somebody_said_in_each_plant_apart(database: Database, tenant: int) -> None:
    user = new_platform_user(database, new_tenant(database))
    home, abroad = acting(user), acting(user, inside=tenant)
    assert views.start_address(database, user.tenant_id, user.id, tenant) == "/"
    views.open_here(database, home, "/devices?sort=age")
    views.open_here(database, abroad, "/devices/MX-01?range=8h&tenant=demo")
    assert views.start_address(database, user.tenant_id, user.id, user.tenant_id) == "/devices?sort=age"
    assert views.start_address(database, user.tenant_id, user.id, tenant) == "/devices/MX-01?range=8h"
    views.open_here(database, home, None)
    assert views.start_address(database, user.tenant_id, user.id, user.tenant_id) == "/"


@pytest.mark.requirement("PR-3")
def test_a_shift_calendar_is_kept_by_line_and_comes_back_as_it_was_written(database: Database, tenant: int) -> None:
    shift = {"name": "Early", "days": [1, 2], "start": "06:00", "end": "14:00", "breaks": [["09:00", "09:15"]]}
    pattern = {"shifts": [shift], "exceptions": [{"date": "2026-12-25", "name": "Christmas", "shifts": []}]}
    with tenant_transaction(database.engine, tenant) as connection:
        first = insert_shift_calendar(connection, "Usual", "Europe/Berlin", pattern, date(2026, 1, 1))
        insert_shift_calendar(connection, "Cell", "Europe/Berlin", {"shifts": []}, date(2026, 2, 1), date(2026, 12, 31), line="Cell 4")
        with pytest.raises(PatternError):
            insert_shift_calendar(connection, "Odd", "Mars/Olympus", pattern, date(2026, 1, 1))
    with tenant_reading(database.engine, tenant) as connection:
        found = shift_calendars(connection, "Cell 5")
        assert [(one.name, one.zone, one.valid_from, one.valid_to) for one in found] == [("Usual", "Europe/Berlin", date(2026, 1, 1), None)]
        assert (found[0].shifts[0].name, found[0].shifts[0].breaks, found[0].exceptions[0].name) == ("Early", ((540, 555),), "Christmas")
        assert [one.name for one in shift_calendars(connection, "Cell 4")] == ["Cell"]
        assert len(shift_calendars(connection)) == 2
    with tenant_transaction(database.engine, tenant) as connection:
        assert delete_shift_calendar(connection, first)
        assert not delete_shift_calendar(connection, first)
