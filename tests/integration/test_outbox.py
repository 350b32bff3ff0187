"""What is in the outbox is told: to whom, once, by rate, as a digest in a flood, again after a failure, until somebody answers."""

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest

from dashapp.domain.fleet import Role
from db.engine import Database
from jobs import housekeeping
from jobs.outbox import Notifier
from tests.integration.access import new_user
from tests.integration.notices import Mailbox, Plant, Webhook, go, new_plant, told_by, webhook

pytestmark = pytest.mark.requirement("AL-5")


@pytest.fixture
def plant(database: Database) -> Plant:
    return new_plant(database)


@pytest.fixture
def notifier(plant: Plant) -> Iterator[Notifier]:
    made = plant.notifier()
    yield made
    made.stop()


def test_a_new_alert_is_told_with_device_value_limit_time_and_link(plant: Plant, hook: Webhook, notifier: Notifier) -> None:
    told_by(plant, hook)
    alert = plant.raised()

    go(plant, notifier)

    (post,) = hook.posts
    assert post["title"] == "Critical: MX-02, Temperature above 90 °C"
    lines = post["message"].split("\n")
    assert lines[:5] == [
        "Temperature above 90 °C",
        "Device: MX-02 Welding Station Beta",
        "Place: Building A",
        "Sensor: Temperature",
        "Value: 95.2 °C",
    ]
    assert lines[5] == "Limit: 90 °C"
    assert lines[6].startswith("Since: ")
    assert lines[6].endswith(("CET", "CEST"))
    assert lines[7] == f"https://andon.example/alerts/{alert}"
    assert (post["event"], post["severity"], post["device"], post["value_raw"], post["id"]) == (
        "raised",
        "Critical",
        "MX-02",
        "95.2",
        str(alert),
    )
    (row,) = plant.log()
    assert (row.state, row.attempts, row.alert_id, row.error) == ("sent", 1, alert, None)
    assert str(row.id) == post["notice"]


def test_what_is_nobodys_business_is_told_to_nobody(plant: Plant, hook: Webhook, notifier: Notifier) -> None:
    told_by(plant, hook, events=["raised", "escalated", "reminder", "ended", "acknowledged"])
    alert = plant.alert()
    for what in ("shelved", "suppressed", "out_of_service", "reset"):
        plant.event(alert, what)
    plant.event(alert, "shelving_ended", "D")

    go(plant, notifier)

    assert hook.posts == []
    assert plant.run("select count(*) from outbox where done_at is null")[0][0] == 0


def test_an_alert_that_is_active_when_its_shelving_ends_is_announced(plant: Plant, hook: Webhook, notifier: Notifier) -> None:
    told_by(plant, hook)
    plant.event(plant.alert(), "shelving_ended", "B")

    go(plant, notifier)

    assert [post["event"] for post in hook.posts] == ["raised"]


@pytest.mark.requirement("AL-4")
def test_an_escalation_goes_to_the_step_of_its_level_and_the_end_to_everyone_who_was_told(
    plant: Plant, hook: Webhook, notifier: Notifier
) -> None:
    with webhook() as second, webhook() as third:
        channels = [plant.channel(secret=one.url) for one in (hook, second, third)]
        plant.policy(*([{"channel_id": channel}] for channel in channels))
        alert = plant.raised()
        go(plant, notifier)
        plant.pass_s(300)
        plant.event(alert, "escalated", "B", level=1)
        go(plant, notifier)
        plant.pass_s(60)
        plant.event(alert, "returned", "D", level=1)
        go(plant, notifier)

        assert [post["event"] for post in hook.posts] == ["raised", "ended"]
        assert [post["event"] for post in second.posts] == ["escalated", "ended"]
        assert third.posts == []
        assert second.titles() == ["Critical, level 1: MX-02, Temperature above 90 °C", "Ended: MX-02, Temperature above 90 °C"]
        assert "Nobody has acknowledged this for 5 min." in second.posts[0]["message"]
        assert "Lasted: 6 min" in second.posts[1]["message"]


@pytest.mark.requirement("AL-4")
def test_people_and_roles_are_written_to_where_the_alert_is_on_a_line_of_theirs(
    plant: Plant, mailbox: Mailbox, notifier: Notifier, database: Database
) -> None:
    manager = new_user(database, plant.tenant, Role.MANAGER, password=None)
    here = new_user(database, plant.tenant, Role.OPERATOR, password=None, lines=["line-1"])
    new_user(database, plant.tenant, Role.OPERATOR, password=None, lines=["line-2"])
    gone = new_user(database, plant.tenant, Role.OPERATOR, password=None)
    plant.run("update users set disabled_at = now() where id = :id", id=gone.id)
    mail = plant.mail_channel(mailbox, "shift@plant.example", for_people=True)
    plant.policy([{"role": "operator"}, {"user_id": manager.id}, {"channel_id": mail}])
    plant.raised()

    go(plant, notifier)

    assert sorted(recipient for recipient, _ in mailbox.mails) == sorted([here.email, manager.email, "shift@plant.example"])
    assert {(row.recipient, row.user_id) for row in plant.log()} == {
        (here.email, here.id),
        (manager.email, manager.id),
        ("shift@plant.example", None),
    }


def test_a_rules_own_policy_comes_before_the_default_one(plant: Plant, hook: Webhook, notifier: Notifier) -> None:
    with webhook() as other:
        told_by(plant, hook)
        own = plant.policy([{"channel_id": plant.channel(secret=other.url)}], is_default=False)
        rule = plant.run(
            "insert into rules (tenant_id, name, type, severity, policy_id)"
            " values (:tenant, 'hot', 'threshold', 'high', :policy) returning id",
            policy=own,
        )[0].id
        plant.event(plant.alert(rule_id=rule))

        go(plant, notifier)

        assert (len(hook.posts), len(other.posts)) == (0, 1)


def test_a_channel_hears_only_the_kinds_and_severities_that_it_wants(plant: Plant, hook: Webhook, notifier: Notifier) -> None:
    told_by(plant, hook, events=["raised"], least_severity="high")
    for severity in ("critical", "high", "medium"):
        plant.event(plant.raised(severity), "returned", "D")

    go(plant, notifier)

    assert [post["severity"] for post in hook.posts] == ["Critical", "High"]


def test_a_channel_that_is_switched_off_is_passed_by_and_what_waits_is_dropped(plant: Plant, hook: Webhook, notifier: Notifier) -> None:
    channel = told_by(plant, hook)
    hook.status = 503
    plant.raised()
    go(plant, notifier)
    plant.run("update channels set enabled = false, paused_until = null where id = :id", id=channel)
    plant.raised()

    go(plant, notifier)

    assert len(hook.posts) == 1
    assert plant.states() == [("raised", "dropped")]


def test_a_channels_own_template_is_used(plant: Plant, hook: Webhook, notifier: Notifier) -> None:
    told_by(plant, hook, templates={"raised": {"title": "$device is hot", "body": "$value of $limit\n$comment"}})
    plant.raised()

    go(plant, notifier)

    assert (hook.posts[0]["title"], hook.posts[0]["message"]) == ("MX-02 is hot", "95.2 °C of 90 °C")


def test_two_replicas_tell_each_notice_once(plant: Plant, hook: Webhook, database: Database) -> None:
    told_by(plant, hook, rate_messages=1000)
    replicas = [plant.notifier(notify_digest_from=1000) for _ in range(2)]
    alerts = [plant.raised(message=f"number {number}") for number in range(30)]
    start = threading.Barrier(2)

    def run(replica: Notifier) -> None:
        start.wait()
        for _ in range(5):
            replica.run(plant.now)
            replica.settle()

    threads = [threading.Thread(target=run, args=[replica]) for replica in replicas]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for replica in replicas:
        replica.stop()

    assert sorted(int(post["id"]) for post in hook.posts) == sorted(alerts)
    assert {row.state for row in plant.log()} == {"sent"}
    assert {row.attempts for row in plant.log()} == {1}


@pytest.mark.requirement("AL-4")
def test_reminders_come_until_somebody_acknowledges(plant: Plant, hook: Webhook, notifier: Notifier) -> None:
    with webhook() as boss:
        first, second = plant.channel(secret=hook.url), plant.channel(secret=boss.url)
        plant.policy([{"channel_id": first}], [{"channel_id": second}], reminder_every_s=600)
        alert = plant.raised()
        go(plant, notifier)
        plant.pass_s(300)
        plant.event(alert, "escalated", "B", level=1)
        go(plant, notifier)
        plant.pass_s(599)
        go(plant, notifier)
        assert [post["event"] for post in hook.posts] == ["raised"]
        plant.pass_s(1)
        go(plant, notifier, times=3)
        assert [post["event"] for post in hook.posts] == ["raised", "reminder"]
        assert [post["event"] for post in boss.posts] == ["escalated", "reminder"]
        assert hook.titles()[1] == "Still open, Critical: MX-02, Temperature above 90 °C"

        plant.event(alert, "acknowledged", "C", by="user:1")
        plant.pass_s(6000)
        go(plant, notifier, times=3)

        assert len(hook.posts) == 2
        assert plant.run("select count(*) from alert_reminders")[0][0] == 0


@pytest.mark.requirement("AL-4")
def test_an_alert_that_has_ended_is_not_reminded_of(plant: Plant, hook: Webhook, notifier: Notifier) -> None:
    channel = plant.channel(secret=hook.url, events=["raised", "reminder"])
    plant.policy([{"channel_id": channel}], reminder_every_s=60)
    alert = plant.raised()
    go(plant, notifier)
    plant.run("update alerts set state = 'A', ended_at = :now where id = :id", now=plant.now, id=alert)
    plant.pass_s(60)

    go(plant, notifier)

    assert [post["event"] for post in hook.posts] == ["raised"]


def test_a_reminder_that_waited_until_somebody_answered_is_dropped(plant: Plant, hook: Webhook, notifier: Notifier) -> None:
    channel = told_by(plant, hook)
    plant.run("update escalation_policies set reminder_every_s = 60")
    alert = plant.raised()
    go(plant, notifier)
    plant.run("update channels set paused_until = :until where id = :id", until=plant.now + timedelta(days=365), id=channel)
    plant.pass_s(60)
    go(plant, notifier)
    plant.event(alert, "acknowledged", "C")
    plant.run("update channels set paused_until = null")
    go(plant, notifier)

    assert plant.states() == [("raised", "sent"), ("reminder", "dropped")]


def test_a_plants_alerts_go_by_its_own_channels_alone(plant: Plant, hook: Webhook, database: Database, notifier: Notifier) -> None:
    other = new_plant(database)
    other.now = plant.now
    with webhook() as theirs:
        told_by(plant, hook)
        told_by(other, theirs)
        other.raised()

        go(plant, notifier)

        assert (len(hook.posts), len(theirs.posts)) == (0, 1)
        assert plant.log() == []


def test_a_slow_service_holds_up_neither_the_job_nor_another_channel(plant: Plant, hook: Webhook, notifier: Notifier) -> None:
    with webhook() as slow:
        slow.gate.clear()
        plant.policy([{"channel_id": plant.channel(secret=slow.url)}, {"channel_id": plant.channel(secret=hook.url)}])
        plant.raised()
        notifier.run(plant.now)
        assert slow.arrived.acquire(timeout=30)
        assert hook.arrived.acquire(timeout=30)
        plant.raised(message="second")
        notifier.run(plant.now)
        assert hook.arrived.acquire(timeout=30)
        assert len(slow.posts) == 1
        slow.gate.set()
        notifier.settle()


def test_the_log_is_kept_for_half_a_year_and_what_waits_for_ever(
    plant: Plant, hook: Webhook, notifier: Notifier, database: Database
) -> None:
    told_by(plant, hook)
    plant.raised()
    go(plant, notifier)
    hook.status = 503
    plant.raised(message="waits")
    go(plant, notifier)
    housekeeping.run(database, plant.now + timedelta(days=100))
    assert len(plant.log()) == 2
    assert plant.run("select count(*) from outbox")[0][0] == 0

    housekeeping.run(database, plant.now + timedelta(days=200))

    assert plant.states() == [("raised", "queued")]


@pytest.mark.requirement("AL-4")
def test_what_is_shelved_is_not_reminded_of_until_the_shelving_has_ended(plant: Plant, hook: Webhook, notifier: Notifier) -> None:
    told_by(plant, hook)
    plant.run("update escalation_policies set reminder_every_s = 60")
    alert = plant.raised()
    go(plant, notifier)
    plant.event(alert, "shelved", "B")
    for _ in range(2):
        plant.pass_s(60)
        go(plant, notifier)
    assert [post["event"] for post in hook.posts] == ["raised"]

    plant.event(alert, "shelving_ended", "B")
    go(plant, notifier)
    plant.pass_s(60)
    go(plant, notifier)
    assert [post["event"] for post in hook.posts] == ["raised", "raised", "reminder"]
