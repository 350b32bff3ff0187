"""Reports: made once for each day and shift, mailed with pictures and a PDF by a real mail server, kept in the archive."""

import email
import email.policy
import io
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pypdf
import pypdfium2
import pytest
from sqlalchemy import text

from dashapp.actions import reports as actions
from dashapp.actions.actor import ActionError, Actor, Forbidden
from dashapp.actions.reports import Definition
from dashapp.domain.fleet import Role
from dashapp.domain.oee import figures
from dashapp.domain.report_periods import ended_periods, last_period
from dashapp.domain.shifts import ShiftCalendar, ShiftSpec
from dashapp.reports import making
from dashapp.reports.mail import html_of, whole_html
from dashapp.reports.model import Bar, Chart, Report, Table, Tile
from dashapp.reports.pdf import pdf_of, picture_of
from dashapp.reports.pdf_pages import page_picture, pages_in
from dashapp.settings import Settings
from dashapp.ui.notices.channel_list import delivery_table
from db.columns import to_us
from db.engine import Database
from db.queries.notices import delivery_log
from db.queries.production import production_sums
from db.queries.reports import report_list
from db.tenancy import tenant_reading, tenant_transaction
from jobs.outbox import Notifier
from jobs.reports import ReportMaker
from tests.integration.notices import Mailbox
from tests.integration.works import Works, pair_at_work

pytestmark = pytest.mark.requirement("EX-2")
DAY = datetime(2026, 3, 2, tzinfo=UTC)
SETTINGS = Settings(notify_allow="127.0.0.1", notify_timeout_s=10, public_url="https://andon.example")


@pytest.fixture
def works(database: Database) -> Works:
    return pair_at_work(database)


def manager(works: Works, **more: Any) -> Actor:
    return Actor("user", 1, works.tenant_id, Role.MANAGER, **more)


def define(works: Works, mailbox: Mailbox | None, *recipients: str, kind: str = "daily", since: datetime = DAY, **more: Any) -> int:
    channel = None
    with tenant_transaction(works.database.engine, works.tenant_id) as connection:
        if mailbox is not None:
            settings = f'{{"host": "127.0.0.1", "port": {mailbox.port}, "security": "none", "sender": "andon@plant.example"}}'
            insert = text(
                "insert into channels (tenant_id, name, kind, settings)"
                " values (:tenant, 'mail', 'email', cast(:settings as jsonb)) returning id"
            )
            channel = connection.execute(insert, {"tenant": works.tenant_id, "settings": settings}).scalar_one()
    wanted = Definition("Morning", kind, channel_id=channel, recipients=recipients, **more)
    made = actions.create_definition(works.database, manager(works), wanted)
    with tenant_transaction(works.database.engine, works.tenant_id) as connection:
        connection.execute(text("update report_definitions set since = :since where id = :id"), {"since": since, "id": made})
    return made


def make(works: Works, now: datetime) -> int:
    return ReportMaker(works.database, SETTINGS)._run_tenant(works.tenant_id, now)


def mail(works: Works, now: datetime) -> None:
    notifier = Notifier(works.database, SETTINGS, clock=lambda: now)
    notifier._run_tenant(works.tenant_id, now)
    notifier.settle()
    notifier.stop()


def listed(works: Works) -> list[Any]:
    with tenant_reading(works.database.engine, works.tenant_id) as connection:
        return report_list(connection)


AFTER = DAY + timedelta(days=1, minutes=15)


def test_a_day_is_mailed_once_with_pictures_and_a_pdf_that_says_the_same_as_the_database(works, mailbox):
    define(works, mailbox, "lead@plant.example", "boss@plant.example")
    assert make(works, AFTER) == 1
    mail(works, AFTER)
    assert make(works, AFTER + timedelta(hours=5)) == 0
    mail(works, AFTER + timedelta(hours=5))
    assert sorted(recipient for recipient, _ in mailbox.mails) == ["boss@plant.example", "lead@plant.example"]
    message = email.message_from_string(mailbox.mails[0][1], policy=email.policy.default)
    assert message["Subject"] == "Daily report: Monday 2 Mar 2026"
    parts = {part.get_content_type(): part for part in message.walk()}
    html = parts["text/html"].get_content()
    pictures = [part for part in message.walk() if part.get_content_type() == "image/png"]
    assert {part["Content-ID"].strip("<>") for part in pictures} == {f"{name}.png" for name in ("losses", "hours", "alerts")}
    assert all(f"cid:{part['Content-ID'].strip('<>')}" in html for part in pictures)
    assert all(part.get_content().startswith(b"\x89PNG") for part in pictures)
    pdf = parts["application/pdf"]
    assert pdf.get_filename() == "Daily-report-Monday-2-Mar-2026.pdf"
    pages = pypdf.PdfReader(io.BytesIO(pdf.get_content()))
    paper = "\n".join(page.extract_text() for page in pages.pages)
    with tenant_reading(works.database.engine, works.tenant_id) as connection:
        sums = production_sums(connection, list(works.devices.values()), to_us(DAY), to_us(DAY) + 86_400_000_000)
    for machine in sums.values():
        expected = f"{100 * figures(machine).oee.value:.1f}"
        assert expected in paper
        assert expected in html
    for words in ("Daily report: Monday 2 Mar 2026", "Where the planned time went", "Longest stops", "=M1", "M2", "1 of"):
        assert words in paper
    (kept,) = listed(works)
    assert (kept.sent, kept.waiting, kept.failed) == (2, 0, 0)
    with tenant_reading(works.database.engine, works.tenant_id) as connection:
        log = delivery_table(delivery_log(connection), "UTC").rows
    assert [row[1] for row in log] == ["Report: Daily report: Monday 2 Mar 2026"] * 2


def test_two_replicas_report_a_day_once(works, mailbox, monkeypatch):
    define(works, mailbox, "lead@plant.example")
    both = threading.Barrier(2)
    content = making.make_report

    def together(*arguments: Any, **target: Any) -> Report:
        both.wait(30)  # both have read, neither has written
        return content(*arguments, **target)

    monkeypatch.setattr(making, "make_report", together)
    with ThreadPoolExecutor(2) as pool:
        made = list(pool.map(lambda _: make(works, AFTER), range(2)))
    assert sorted(made) == [0, 1]
    mail(works, AFTER)
    assert len(mailbox.mails) == 1


def test_a_replica_that_dies_while_it_makes_one_leaves_nothing_behind(works, mailbox, monkeypatch):
    define(works, mailbox, "lead@plant.example")
    monkeypatch.setattr("db.commands.reports.queue_mails", lambda *_: (_ for _ in ()).throw(RuntimeError("killed")))
    assert make(works, AFTER) == 0
    assert listed(works) == []
    monkeypatch.undo()
    assert make(works, AFTER) == 1
    mail(works, AFTER)
    assert len(mailbox.mails) == 1


def test_a_mail_server_that_is_away_is_tried_again_and_nobody_gets_it_twice(works, mailbox):
    define(works, mailbox, "lead@plant.example", "gone@plant.example")
    mailbox.refuses["gone@plant.example"] = "451 try later"
    make(works, AFTER)
    mail(works, AFTER)
    (kept,) = listed(works)
    assert (kept.sent, kept.waiting) == (1, 1)
    mailbox.refuses.clear()
    mail(works, AFTER + timedelta(hours=1))
    assert sorted(recipient for recipient, _ in mailbox.mails) == ["gone@plant.example", "lead@plant.example"]


def test_a_report_waits_for_what_arrives_late_and_nothing_old_is_made_up_for(works):
    define(works, None, after_min=30)
    assert make(works, DAY + timedelta(days=1, minutes=29)) == 0
    assert make(works, DAY + timedelta(days=1, minutes=31)) == 1
    assert [one.title for one in listed(works)] == ["Daily report: Monday 2 Mar 2026"]  # not the days before it was set up
    assert make(works, DAY + timedelta(days=40)) == 6  # of a long time without a server the last days


def test_the_last_shifts_end_by_the_plants_clock():
    early = ShiftSpec("Early", 360, 840, frozenset({1, 2, 3, 4, 5}))
    night = ShiftSpec("Night", 1320, 1800, frozenset({1, 2, 3, 4, 5}))
    calendar = ShiftCalendar("", "Two shifts", "Europe/Berlin", (early, night), (), date(2026, 1, 1))
    at = to_us(datetime(2026, 3, 30, 5, tzinfo=UTC))  # Monday after the clocks went forward
    found = ended_periods("shift", [calendar], "Europe/Berlin", at - 4 * 86_400_000_000, at)
    assert [one.words for one in found][-2:] == ["Early shift, Friday 27 Mar 2026", "Night shift, Friday 27 Mar 2026"]
    day = last_period("daily", [], "Europe/Berlin", to_us(datetime(2026, 3, 30, 0, tzinfo=UTC)))
    assert (day.end_us - day.start_us) / 3_600_000_000 == 23  # the day on which they did
    assert last_period("shift", [], "UTC", at) is None


def test_a_test_is_made_at_once_and_does_not_stand_for_the_report(works):
    definition = define(works, None)
    made = actions.make_now(works.database, SETTINGS, manager(works), definition, AFTER, mail=False)
    assert [(one.id, one.title) for one in listed(works)] == [(made, "Test: Daily report: Monday 2 Mar 2026")]
    assert make(works, AFTER) == 1
    with pytest.raises(ActionError) as refused:
        actions.make_now(works.database, SETTINGS, manager(works), definition, AFTER, mail=True)
    assert refused.value.field == "channel"


def test_a_report_is_sent_again_to_those_that_it_is_for(works, mailbox):
    define(works, mailbox, "lead@plant.example")
    make(works, AFTER)
    mail(works, AFTER)
    (kept,) = listed(works)
    with pytest.raises(ActionError) as soon:
        actions.send_again(works.database, manager(works), kept.id, AFTER)
    assert soon.value.status == 429
    assert actions.send_again(works.database, manager(works), kept.id, AFTER + timedelta(minutes=5)) == 1
    mail(works, AFTER + timedelta(minutes=5))
    assert len(mailbox.mails) == 2


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({"name": " "}, "name"), ({"kind": "hourly"}, "kind"), ({"kind": "shift", "line": "L9"}, "line"), ({"after_min": 721}, "after_min"),
        ({"recipients": ("nobody",)}, "recipients"), ({"recipients": ("a@b.example",)}, "channel_id"),
        ({"channel_id": 999_999}, "channel_id"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_definition_is_said_at_its_field(works, wish, field):
    with pytest.raises(ActionError) as refused:
        actions.create_definition(works.database, manager(works), Definition(**{"name": "Morning", "kind": "daily", **wish}))
    assert refused.value.field == field


def test_only_managers_define_reports_and_of_their_lines_alone(works):
    with pytest.raises(Forbidden):
        actions.create_definition(works.database, Actor("user", 1, works.tenant_id, Role.OPERATOR), Definition("Mine", "daily"))
    with pytest.raises(ActionError) as refused:
        actions.create_definition(works.database, manager(works, lines=("L1",)), Definition("Mine", "daily"))
    assert refused.value.field == "line"


def test_a_definition_that_goes_leaves_its_reports(works):
    definition = define(works, None)
    make(works, AFTER)
    actions.remove_definition(works.database, manager(works), definition)
    assert [one.name for one in listed(works)] == ["Morning"]
    assert make(works, AFTER + timedelta(days=1)) == 0


# ---- How it is drawn


REPORT = Report(
    title="Daily report: <b>", plant="Werk & Söhne", scope="whole plant", period="Monday", ends="", made="now", headline="All well.",
    tiles=(Tile("OEE", "61.4", "%", "−2.0 points to the day before", "bad"), Tile("Alerts", "3")),
    parts=(
        Chart("losses", "Losses", "of time", (Bar("Planned", 10, "10 h"), Bar("Stop", 4, "−4 h", 6, "bad"))),
        Table("Stops", ("Machine", "Lasted"), tuple((f"<M{n}> 压机 Łódź", f"{n} min") for n in range(60)), "none", (1,), (50, 50)),
        Table("Open", ("Alert",), (), "Every alert was over."),
    ),
)  # fmt: skip


def test_a_long_table_goes_on_over_the_pages_and_its_head_with_it():
    pdf = pypdf.PdfReader(io.BytesIO(pdf_of(REPORT)))
    texts = [page.extract_text() for page in pdf.pages]
    assert len(texts) > 1
    assert all(f"<M{n}>" in "".join(texts) for n in range(60))
    assert all("Machine" in page for page in texts[:2])
    assert "?? Łódź" in texts[0]  # of a script that no font here has
    assert pdf.metadata.title == "Daily report: <b>"
    assert pages_in(pdf_of(REPORT)) == len(texts)
    with pytest.raises(IndexError):
        page_picture(pdf_of(REPORT), 99, 1)


def test_a_browser_asks_for_all_pages_at_once_and_gets_each(monkeypatch: pytest.MonkeyPatch):
    """One after another: two calls of PDFium at a time end the process."""
    pdf = pdf_of(REPORT)
    pages = range(pages_in(pdf))
    alone = [page_picture(pdf, page, 1.5) for page in pages]
    opened, beside = 0, 0

    class Watched(pypdfium2.PdfDocument):  # type: ignore[misc]
        def __init__(self, *given: Any) -> None:
            nonlocal opened, beside
            opened += 1
            beside = max(beside, opened)
            super().__init__(*given)

        def close(self) -> None:
            nonlocal opened
            super().close()
            opened -= 1

    monkeypatch.setattr(pypdfium2, "PdfDocument", Watched)
    asked = [page for page in pages for _ in range(12)]
    with ThreadPoolExecutor(6) as askers:
        answers = list(askers.map(lambda page: page_picture(pdf, page, 1.5), asked))
    assert len(set(alone)) == len(pages) > 1
    assert answers == [alone[page] for page in asked]
    assert (opened, beside) == (0, 1)


def test_a_mail_says_names_as_they_are_and_stands_alone_as_a_file():
    html = html_of(REPORT)
    assert "Daily report: &lt;b&gt;" in html
    assert "Werk &amp; Söhne" in html
    assert 'alt="Losses. Planned 10 h; Stop −4 h"' in html
    assert "cid:losses.png" in html
    assert 'src="data:image/png;base64,AAAA"' in whole_html(html, {"losses": "AAAA"})
    assert picture_of(REPORT.charts[0]).startswith(b"\x89PNG")
    assert "OEE: 61.4 %" in REPORT.text
