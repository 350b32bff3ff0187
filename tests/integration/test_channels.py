"""Channels and policies: set up by managers, checked field by field, audited, and no secret ever comes out again."""

import json
import socket
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from dashapp.actions import channels as actions
from dashapp.actions.actor import ActionError, Actor, Forbidden
from dashapp.actions.channels import Channel
from dashapp.actions.policies import Policy, change_policy, create_policy, remove_policy
from dashapp.domain.fleet import Role
from dashapp.settings import Settings
from db.engine import Database
from db.queries import notices as queries
from db.queries.notices import Step, Target
from db.tenancy import tenant_transaction
from tests.integration.access import administrator, audit_of, new_user
from tests.integration.notices import Plant, Webhook, go, mail_server, new_plant

pytestmark = pytest.mark.requirement("AL-5")
SETTINGS = Settings(notify_allow="127.0.0.1", notify_timeout_s=5)
MAIL = Channel("Shift", "email", host="127.0.0.1", sender="Andon <andon@plant.example>", recipients=("a@plant.example",))


@pytest.fixture
def plant(database: Database) -> Plant:
    return new_plant(database)


@pytest.fixture
def boss(plant: Plant) -> Actor:
    return administrator(plant.tenant)


def stored(plant: Plant, channel_id: int) -> Any:
    return plant.run("select * from channels where id = :id", id=channel_id)[0]


def refused(plant: Plant, actor: Actor, channel: Channel, settings: Settings = SETTINGS) -> ActionError:
    with pytest.raises(ActionError) as caught:
        actions.create_channel(plant.database, settings, actor, channel)
    return caught.value


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
def test_channels_and_policies_are_for_managers(plant: Plant, role: Role) -> None:
    actor = Actor("user", 1, plant.tenant, role)
    database, policy = plant.database, Policy("p", [])
    for attempt in (
        lambda: actions.create_channel(database, SETTINGS, actor, MAIL),
        lambda: actions.change_channel(database, SETTINGS, actor, 1, MAIL),
        lambda: actions.switch_channel(database, actor, 1, enabled=False),
        lambda: actions.remove_channel(database, actor, 1),
        lambda: actions.send_test(database, SETTINGS, actor, 1, plant.now),
        lambda: create_policy(database, actor, policy),
        lambda: change_policy(database, actor, 1, policy),
        lambda: remove_policy(database, actor, 1),
    ):
        with pytest.raises(Forbidden):
            attempt()


def test_a_channel_is_added_changed_switched_and_removed_and_the_log_says_so_without_secrets(plant: Plant, boss: Actor) -> None:
    database = plant.database
    channel = Channel("Hook", "webhook", address="http://127.0.0.1:9/T0p5ecret?key=T0p5ecret", header="X-Token: T0p5ecret")
    made = actions.create_channel(database, SETTINGS, boss, channel)
    actions.change_channel(database, SETTINGS, boss, made, replace(channel, name="Other", address="", header=None, least_severity="high"))
    actions.switch_channel(database, boss, made, enabled=False)
    actions.switch_channel(database, boss, made, enabled=False)
    row = stored(plant, made)
    assert (row.name, row.least_severity, row.enabled) == ("Other", "high", False)
    assert row.secret == "http://127.0.0.1:9/T0p5ecret?key=T0p5ecret\nX-Token: T0p5ecret", "it is kept"
    assert row.hint == "http://127.0.0.1:9/…"
    with tenant_transaction(database.engine, plant.tenant) as connection:
        shown = queries.channels(connection, plant.now)
    actions.remove_channel(database, boss, made)

    assert "T0p5ecret" not in json.dumps(shown, default=str)
    assert plant.run("select count(*) from channels")[0][0] == 0
    assert [entry[1:] for entry in audit_of(database, plant.tenant)] == [
        ("create_channel", "Hook"),
        ("change_channel", "Other"),
        ("switch_channel", "Other"),
        ("remove_channel", "Other"),
    ]
    details = plant.run("select detail::text from audit_log")
    assert not any("T0p5ecret" in row.detail for row in details)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"name": " "}, "name"),
        ({"kind": "pigeon"}, "kind"),
        ({"host": "http://mail"}, "host"),
        ({"host": "no-such-host.invalid"}, "host"),
        ({"host": "10.0.0.1"}, "host"),
        ({"port": 70000}, "port"),
        ({"security": "magic"}, "security"),
        ({"sender": "nobody"}, "sender"),
        ({"sender": "a@b.example\r\nBcc: x@y.example"}, "sender"),
        ({"recipients": ()}, "recipients"),
        ({"recipients": ("a@plant.example", "b")}, "recipients"),
        ({"recipients": tuple(f"a{number}@plant.example" for number in range(51))}, "recipients"),
        ({"user": "andon"}, "password"),
        ({"events": ()}, "events"),
        ({"events": ("nonsense",)}, "events"),
        ({"least_severity": "worst"}, "least_severity"),
        ({"rate_messages": 0}, "rate_messages"),
        ({"templates": {"raised": {"title": "$devise"}}}, "raised_title"),
        ({"kind": "webhook", "address": ""}, "address"),
        ({"kind": "webhook", "address": "ftp://x.example"}, "address"),
        ({"kind": "webhook", "address": "http://169.254.169.254/latest/meta-data"}, "address"),
        ({"kind": "webhook", "address": "http://[::1]:5432/"}, "address"),
        ({"kind": "webhook", "address": "http://127.0.0.1/", "header": "no colon"}, "header"),
        ({"kind": "webhook", "address": "http://127.0.0.1/", "header": "X: a\r\nY: b"}, "header"),
        ({"kind": "webhook", "address": "http://127.0.0.1/", "for_people": True}, "for_people"),
        ({"kind": "chat", "address": "file:///etc/passwd"}, "address"),
        ({"kind": "chat", "address": "mmosts://192.168.1.1/3ccdd113474722377935511fc85d3dd4"}, "address"),
        ({"kind": "sms", "address": "slack://T/A/x"}, "address"),
        ({"kind": "phone", "address": "x" * 2001}, "address"),
    ],
)
def test_what_is_wrong_is_said_of_its_field(plant: Plant, boss: Actor, changed: dict[str, Any], field: str) -> None:
    assert refused(plant, boss, replace(MAIL, **changed)).field == field
    assert plant.run("select count(*) from channels")[0][0] == 0


def test_a_name_that_resolves_to_the_inside_is_refused_unless_the_setting_names_it(
    plant: Plant, boss: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def resolve(*_: Any, **__: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.20.0.5", 0))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    inside = replace(MAIL, host="mail.plant.local")
    error = refused(plant, boss, inside)
    assert error.reason.startswith("mail.plant.local (10.20.0.5) is not a public address; ANDON_NOTIFY_ALLOW")
    allowing = SETTINGS.model_copy(update={"notify_allow": "mail.plant.local"})
    assert actions.create_channel(plant.database, allowing, boss, inside)


def test_two_channels_do_not_share_a_name(plant: Plant, boss: Actor) -> None:
    actions.create_channel(plant.database, SETTINGS, boss, MAIL)
    other = actions.create_channel(plant.database, SETTINGS, boss, replace(MAIL, name="Other"))
    assert refused(plant, boss, replace(MAIL, name="SHIFT")).status == 409
    with pytest.raises(ActionError, match="there is a channel"):
        actions.change_channel(plant.database, SETTINGS, boss, other, MAIL)


@pytest.mark.parametrize("changed", [{"host": "8.8.8.8"}, {"port": 2525}, {"security": "none"}, {"user": "root"}, {"verify": False}])
def test_a_stored_password_is_not_sent_anywhere_else(plant: Plant, boss: Actor, changed: dict[str, Any]) -> None:
    channel = replace(MAIL, user="andon", password="hunter2-hunter2")
    made = actions.create_channel(plant.database, SETTINGS, boss, channel)
    actions.change_channel(plant.database, SETTINGS, boss, made, replace(channel, password="", recipients=("b@plant.example",)))
    assert stored(plant, made).secret == "hunter2-hunter2"

    with pytest.raises(ActionError) as caught:
        actions.change_channel(plant.database, SETTINGS, boss, made, replace(channel, password=None, **changed))
    assert caught.value.field == "password"
    actions.change_channel(plant.database, SETTINGS, boss, made, replace(channel, password="new", **changed))
    assert stored(plant, made).secret == "new"


def test_one_channel_writes_to_people(plant: Plant, boss: Actor) -> None:
    first = actions.create_channel(plant.database, SETTINGS, boss, replace(MAIL, for_people=True, recipients=()))
    second = actions.create_channel(plant.database, SETTINGS, boss, replace(MAIL, name="Other", for_people=True))
    assert (stored(plant, first).for_people, stored(plant, second).for_people) == (False, True)
    actions.change_channel(plant.database, SETTINGS, boss, first, replace(MAIL, for_people=True))
    assert (stored(plant, first).for_people, stored(plant, second).for_people) == (True, False)


def test_a_test_sends_a_real_message_and_says_what_became_of_it(plant: Plant, boss: Actor, hook: Webhook) -> None:
    made = actions.create_channel(plant.database, SETTINGS, boss, Channel("Hook", "webhook", address=hook.url, header="X-Token: abc"))

    good = actions.send_test(plant.database, SETTINGS, boss, made, plant.now)
    hook.status = 401
    bad = actions.send_test(plant.database, SETTINGS, boss, made, plant.now)

    assert (good.sent, good.error) == (1, None)
    assert (bad.sent, bad.error) == (0, "the service answered 401: the key or password is not right")
    assert hook.posts[0]["title"] == "Test from Mill"
    assert hook.requests[0][1]["X-Token"] == "abc"
    assert [(row.what, row.state, row.error) for row in plant.log()] == [("test", "sent", None), ("test", "failed", bad.error)]
    assert stored(plant, made).last_error == bad.error
    assert [entry[1] for entry in audit_of(plant.database, plant.tenant)] == ["create_channel", "test_channel", "test_channel"]


def test_a_test_of_mail_reaches_every_recipient_and_without_any_whoever_tests(plant: Plant) -> None:
    with mail_server() as mailbox:
        person = new_user(plant.database, plant.tenant, Role.MANAGER, password=None)
        actor = Actor("user", person.id, plant.tenant, Role.MANAGER)
        mail = replace(MAIL, port=mailbox.port, security="none", recipients=("a@plant.example", "bad@plant.example"), for_people=True)
        mailbox.refuses = {"bad@plant.example": "550 no such user"}
        made = actions.create_channel(plant.database, SETTINGS, actor, mail)
        tested = actions.send_test(plant.database, SETTINGS, actor, made, plant.now)
        assert tested.sent == 1
        assert tested.error == "bad@plant.example: the mail server answered 550: it does not take mail for this address"
        assert "Subject: Test from Mill" in mailbox.mails[0][1]

        actions.change_channel(plant.database, SETTINGS, actor, made, replace(mail, recipients=()))
        assert actions.send_test(plant.database, SETTINGS, actor, made, plant.now).sent == 1
        assert mailbox.mails[-1][0] == person.email


def test_tests_are_limited(plant: Plant, boss: Actor, hook: Webhook) -> None:
    made = actions.create_channel(plant.database, SETTINGS, boss, Channel("Hook", "webhook", address=hook.url))
    for _ in range(10):
        actions.send_test(plant.database, SETTINGS, boss, made, plant.now)
    with pytest.raises(ActionError) as caught:
        actions.send_test(plant.database, SETTINGS, boss, made, plant.now)
    assert (caught.value.status, len(hook.posts)) == (429, 10)


def test_a_channel_that_was_changed_is_tried_at_once(plant: Plant, boss: Actor, hook: Webhook) -> None:
    channel = Channel("Hook", "webhook", address="http://127.0.0.1:9/")
    made = actions.create_channel(plant.database, SETTINGS, boss, channel)
    create_policy(plant.database, boss, Policy("All", [Step(0, 0, (Target(made, None, None),))], is_default=True))
    notifier = plant.notifier()
    plant.raised()
    go(plant, notifier)
    assert stored(plant, made).paused_until is not None
    actions.change_channel(plant.database, SETTINGS, boss, made, replace(channel, address=hook.url))
    go(plant, notifier)
    notifier.stop()

    assert len(hook.posts) == 1


def test_what_waits_on_a_removed_channel_is_dropped_and_its_log_stays(plant: Plant, boss: Actor, hook: Webhook) -> None:
    made = actions.create_channel(plant.database, SETTINGS, boss, Channel("Hook", "webhook", address=hook.url))
    create_policy(plant.database, boss, Policy("All", [Step(0, 0, (Target(made, None, None),))], is_default=True))
    notifier = plant.notifier()
    hook.status = 503
    plant.raised()
    go(plant, notifier)
    actions.remove_channel(plant.database, boss, made)
    go(plant, notifier)
    notifier.stop()

    (row,) = plant.log()
    assert (row.state, row.error, row.channel, row.channel_id) == ("dropped", "the channel was removed", "Hook", None)
    with tenant_transaction(plant.database.engine, plant.tenant) as connection:
        assert queries.policies(connection)[0].steps[0].targets == ()


def test_a_channel_of_another_plant_is_not_there(plant: Plant, boss: Actor, database: Database) -> None:
    other = new_plant(database)
    theirs = other.channel(secret="https://example.com")
    for attempt in (
        lambda: actions.change_channel(database, SETTINGS, boss, theirs, Channel("x", "webhook", address="https://example.com")),
        lambda: actions.remove_channel(database, boss, theirs),
        lambda: actions.send_test(database, SETTINGS, boss, theirs, plant.now),
        lambda: create_policy(database, boss, Policy("All", [Step(0, 0, (Target(theirs, None, None),))])),
    ):
        with pytest.raises(ActionError, match=r"no longer there|no such channel"):
            attempt()


@pytest.mark.requirement("AL-4")
def test_a_policy_is_made_changed_and_removed(plant: Plant, boss: Actor) -> None:
    first, second = plant.channel(), plant.channel()
    person = new_user(plant.database, plant.tenant, Role.OPERATOR, password=None)
    at_once, later = Step(0, 0, (Target(first, None, None), Target(None, person.id, None))), Step(9, 300, (Target(None, None, "manager"),))
    made = create_policy(plant.database, boss, Policy("Nights", [at_once, later], 900, is_default=True))
    other = create_policy(plant.database, boss, Policy("Days", [at_once], is_default=True))
    change_policy(plant.database, boss, made, Policy("Nights", [Step(0, 0, (Target(second, None, None),))], None))
    with tenant_transaction(plant.database.engine, plant.tenant) as connection:
        found = {policy.id: policy for policy in queries.policies(connection)}

    assert found[other].is_default
    assert found[other].steps == (at_once,)
    assert (found[made].is_default, found[made].reminder_every_s) == (False, None)
    assert found[made].steps == (Step(0, 0, (Target(second, None, None),)),)

    rule = plant.run(
        "insert into rules (tenant_id, name, type, severity, policy_id) values (:tenant, 'hot', 'threshold', 'high', :p) returning id",
        p=made,
    )[0].id
    remove_policy(plant.database, boss, made)
    assert plant.run("select policy_id from rules where id = :id", id=rule)[0].policy_id is None
    assert [entry[1] for entry in audit_of(plant.database, plant.tenant) if "policy" in entry[1]] == [
        "create_policy", "create_policy", "change_policy", "remove_policy",
    ]  # fmt: skip


@pytest.mark.requirement("AL-4")
@pytest.mark.parametrize(
    ("policy", "field"),
    [
        (Policy("", [Step(0, 0, (Target(None, None, "admin"),))]), "name"),
        (Policy("p", []), "step_1_to"),
        (Policy("p", [Step(0, 0, ())]), "step_1_to"),
        (Policy("p", [Step(0, 60, (Target(None, None, "admin"),))]), "step_1_after"),
        (Policy("p", [Step(0, 0, (Target(None, None, "admin"),)), Step(1, 0, (Target(None, None, "admin"),))]), "step_2_after"),
        (Policy("p", [Step(0, 0, (Target(None, None, "king"),))]), "step_1_to"),
        (Policy("p", [Step(0, 0, (Target(None, 99_999_999, None),))]), "step_1_to"),
        (Policy("p", [Step(0, 0, (Target(None, None, "admin"),))], 59), "reminder_min"),
    ],
)
def test_a_policy_that_cannot_be_followed_is_refused(plant: Plant, boss: Actor, policy: Policy, field: str) -> None:
    with pytest.raises(ActionError) as caught:
        create_policy(plant.database, boss, policy)
    assert caught.value.field == field
    with tenant_transaction(plant.database.engine, plant.tenant) as connection:
        assert connection.execute(text("select count(*) from escalation_policies")).scalar_one() == 0
