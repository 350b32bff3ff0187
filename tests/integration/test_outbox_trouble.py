"""The outbox in trouble: floods, rates, outages, what never works, senders that die."""

from collections.abc import Iterator

import pytest

from db.engine import Database
from jobs.outbox import Notifier
from tests.integration.notices import Mailbox, Plant, Webhook, go, new_plant, told_by

pytestmark = pytest.mark.requirement("AL-5")


@pytest.fixture
def plant(database: Database) -> Plant:
    return new_plant(database)


@pytest.fixture
def notifier(plant: Plant) -> Iterator[Notifier]:
    made = plant.notifier()
    yield made
    made.stop()


@pytest.mark.requirement("AL-4")
def test_a_flood_becomes_one_digest_and_the_next_one_a_window_later(plant: Plant, hook: Webhook, notifier: Notifier) -> None:
    told_by(plant, hook, rate_messages=1000)
    for number in range(3):
        plant.raised("low", f"early {number}")
    go(plant, notifier)
    for number in range(25):
        plant.raised("critical" if number == 24 else "medium", f"number {number}")
    go(plant, notifier)

    assert len(hook.posts) == 4, "three one by one, then a digest"
    assert hook.titles()[3] == "25 alerts at Mill: 1 critical, 24 medium"
    lines = hook.posts[3]["message"].split("\n")
    assert lines[2].startswith("Critical: MX-02, number 24 (95.2 °C), since ")
    assert lines[12] == "and 15 more"
    assert lines[-1] == "https://andon.example/alerts"

    plant.raised("high", "later")
    plant.pass_s(30)
    go(plant, notifier)
    assert len(hook.posts) == 4, "within the window it waits"
    plant.pass_s(31)
    go(plant, notifier)
    assert hook.titles()[4:] == ["High: MX-02, later"]
    assert [state for what, state in plant.states() if what == "raised"] == ["sent"] * 3 + ["digested"] * 25 + ["sent"]


@pytest.mark.requirement("AL-4")
def test_the_rate_of_a_channel_is_shared_by_two_replicas_and_what_is_too_much_comes_as_one(plant: Plant, hook: Webhook) -> None:
    told_by(plant, hook, rate_messages=3, rate_s=60)
    one, two = plant.notifier(), plant.notifier()
    for number in range(3):
        plant.raised(message=f"number {number}")
    go(plant, one)
    assert len(hook.posts) == 3

    for number in range(3, 6):
        plant.raised(message=f"number {number}")
    go(plant, one, two, times=3)
    assert len(hook.posts) == 3, "the rate is used up, for both"

    plant.pass_s(20)  # a third of 60 s: one message more
    go(plant, two, one, times=2)
    assert hook.titles()[3:] == ["3 alerts at Mill: 3 critical"]
    one.stop()
    two.stop()


@pytest.mark.requirement("AL-4")
def test_an_outage_is_waited_out_with_growing_pauses_and_ends_in_one_digest(plant: Plant, hook: Webhook, notifier: Notifier) -> None:
    channel = told_by(plant, hook)
    hook.status = 503
    plant.raised(message="first")
    pauses = []
    for _ in range(4):
        go(plant, notifier, times=3)
        paused = plant.run(
            "select extract(epoch from paused_until - :now)::float8 as s from channels where id = :id", now=plant.now, id=channel
        )
        pauses.append(paused[0].s)
        plant.pass_s(paused[0].s + 0.001)
        plant.raised(message="another")
    assert len(hook.posts) == 4, "one attempt each time, whatever else waits"
    for pause, plain in zip(pauses, (5, 10, 20, 40), strict=True):
        assert 0.75 * plain <= pause <= 1.25 * plain

    hook.status = 200
    go(plant, notifier)

    assert hook.titles()[4:] == ["5 alerts at Mill: 5 critical"]
    row = plant.run("select failures, paused_until, last_error, last_sent_at from channels where id = :id", id=channel)[0]
    assert (row.failures, row.paused_until, row.last_sent_at) == (0, None, plant.now)
    assert row.last_error == "the service answered 503: it is in trouble"
    assert len([one for one in plant.log() if one.state == "digested"]) == 8, "the five, and three digests that never arrived"


def test_what_will_never_work_is_not_tried_again_and_does_not_hold_up_the_next(plant: Plant, hook: Webhook, notifier: Notifier) -> None:
    told_by(plant, hook)
    hook.status = 404
    plant.raised()
    go(plant, notifier, times=2)
    hook.status = 200
    plant.raised(message="second")
    go(plant, notifier)

    assert len(hook.posts) == 2
    first, second = plant.log()
    assert (first.state, first.attempts, first.error) == ("failed", 1, "the service answered 404: there is nothing at this address")
    assert second.state == "sent"


def test_after_a_day_nobody_needs_it_any_more(plant: Plant, hook: Webhook, notifier: Notifier) -> None:
    told_by(plant, hook)
    hook.status = 503
    plant.raised()
    go(plant, notifier)
    plant.pass_s(86_401)
    go(plant, notifier)

    assert plant.states() == [("raised", "failed")]
    assert len(plant.log()[0].tries) == 2


def test_one_bad_mailbox_waits_alone(plant: Plant, mailbox: Mailbox, notifier: Notifier) -> None:
    mail = plant.mail_channel(mailbox, "full@plant.example", "none@plant.example", "good@plant.example")
    plant.policy([{"channel_id": mail}])
    mailbox.refuses = {"full@plant.example": "452 mailbox full", "none@plant.example": "550 no such user"}
    plant.raised()
    go(plant, notifier)

    assert [recipient for recipient, _ in mailbox.mails] == ["good@plant.example"]
    assert {row.recipient: row.state for row in plant.log()} == {
        "full@plant.example": "queued", "none@plant.example": "failed", "good@plant.example": "sent",
    }  # fmt: skip
    mailbox.refuses = {}
    plant.pass_s(10)
    go(plant, notifier)
    assert [recipient for recipient, _ in mailbox.mails] == ["good@plant.example", "full@plant.example"]


def test_a_notice_whose_sender_died_is_sent_again_when_its_lease_has_run_out(plant: Plant, hook: Webhook, notifier: Notifier) -> None:
    told_by(plant, hook)
    plant.raised()
    dead = plant.notifier()
    dead._settle = lambda *_: None  # type: ignore[method-assign]  # killed between sending and marking
    dead._stopping = False
    dead.run(plant.now)
    assert hook.arrived.acquire(timeout=30)
    dead._stopping = True
    dead.stop()

    go(plant, notifier)
    assert len(hook.posts) == 1, "somebody may still be sending it"
    plant.pass_s(15)
    go(plant, notifier, times=2)

    assert [post["notice"] for post in hook.posts] == [str(plant.log()[0].id)] * 2
    assert (plant.log()[0].state, plant.log()[0].attempts) == ("sent", 2)
