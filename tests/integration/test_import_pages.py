"""The routes and callbacks of the import pages: who may, what is refused, and what the form makes of what is typed."""

import csv
import io
import re
from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import text

from dashapp.domain.fleet import Role
from dashapp.ingest import uploads
from dashapp.ingest.services import Services, make_services
from dashapp.settings import Settings
from db.commands.imports import Problem, add_problems
from db.commands.partitions import PartitionKeeper
from db.engine import Database
from db.queries.imports import find_import
from db.tenancy import tenant_reading, tenant_transaction
from tests.integration.access import new_user
from tests.integration.browsing import Visitor
from tests.integration.plant import Press, new_press
from tests.serving import wait_until

pytestmark = pytest.mark.requirement("IN-5", "UI-6")
OURS = {"Sec-Fetch-Site": "same-origin", "Content-Type": "application/octet-stream"}
FILE = b"time,temperature,oil\n2021-05-03 06:00:00,70,1.5\n2021-05-03 06:01:00,wet,1.6\n2021-05-03 06:02:00,72,1.7\n"


@pytest.fixture(scope="module")
def services(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    settings = Settings(data_dir=tmp_path_factory.mktemp("var"), upload_bytes=1_000_000, body_bytes=10_000)
    made = make_services(settings, database, PartitionKeeper(database))
    made.start()
    yield made
    made.stop()


def manager(server: Flask, press: Press, role: Role = Role.MANAGER) -> Visitor:
    return Visitor(server, new_user(press.database, press.tenant_id, role))


def send(visitor: Visitor, content: bytes = FILE, name: str = "press.csv", **headers: str):
    return visitor.client.post(f"/import/upload?name={name}", data=content, headers={**OURS, **headers})


def opened(visitor: Visitor, content: bytes = FILE) -> int:
    answer = send(visitor, content)
    assert answer.status_code == 201, answer.get_data(as_text=True)
    number: int = answer.get_json()["id"]
    visitor.open(f"/import/{number}")
    return number


def told(visitor: Visitor, name: str, value: str) -> None:
    """Types into a field of the form, and has it kept."""
    identity = f'{{"name":"{name}","type":"import-told"}}'
    visitor.set(identity, value=value)
    visitor.run("import-columns.children", changed=f"{identity}.value")


def press_button(visitor: Visitor, what: str) -> None:
    assert f'{{"type":"import-do","what":"{what}"}}' in visitor.page
    visitor.set("import-pressed", data={"type": "import-do", "what": what, "at": 1})
    visitor.run("import-body.children@", changed="import-pressed.data")


def row_of(press: Press, number: int):
    with tenant_reading(press.database.engine, press.tenant_id) as connection:
        return find_import(connection, number)


def test_a_file_larger_than_other_requests_is_taken_as_it_is(server, services, press):
    content = FILE + b"2021-05-03 06:03:00,73,1.8\n" * 5_000
    visitor = manager(server, press)
    number = opened(visitor, content)
    row = row_of(press, number)
    path = uploads.path_of(services.settings, row.upload)
    assert path is not None
    assert path.read_bytes() == content
    assert (row.file_name, row.state, row.bytes) == ("press.csv", "draft", len(content))


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
def test_only_managers_send_files_or_see_imports(server, services, press, role):
    visitor = manager(server, press, role)
    before = len(list(uploads.folder(services.settings).iterdir()))
    assert send(visitor).status_code == 403
    assert visitor.client.get("/import/1/problems.csv").status_code == 403
    assert "needs the role manager" in visitor.open("/import").text
    assert len(list(uploads.folder(services.settings).iterdir())) == before


def test_a_file_from_another_site_is_not_taken(server, press):
    visitor = manager(server, press)
    assert send(visitor, **{"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert visitor.client.post("/import/upload?name=x", data=FILE, content_type="application/octet-stream").status_code == 403


@pytest.mark.parametrize(("content", "status"), [(b"", 422), (b"x" * 1_000_001, 413)])
def test_a_file_that_is_empty_or_too_large_is_refused_with_the_reason(server, services, press, content, status):
    answer = send(manager(server, press), content)
    assert answer.status_code == status
    assert answer.get_json()["detail"]
    assert not [path for path in uploads.folder(services.settings).iterdir() if path.suffix == ".part"]


def test_a_file_that_breaks_off_leaves_nothing(services):
    pieces = iter([b"time,value\n", b""])
    with pytest.raises(uploads.UploadRefused, match="ended before"):
        uploads.receive(services.settings, lambda _size: next(pieces), 500)
    assert not [path for path in uploads.folder(services.settings).iterdir() if path.suffix == ".part"]


def test_a_full_disk_is_said_before_anything_is_sent(server, press, monkeypatch):
    monkeypatch.setattr(uploads, "SPARE_BYTES", 10**18)
    assert send(manager(server, press)).status_code == 507


def test_the_name_of_a_file_leads_nowhere(server, services, press):
    for name in ("../../etc/passwd", "C:\\\\temp\\\\x.csv", "%00", "a" * 1000, ""):
        answer = send(manager(server, press), name=name)
        assert answer.status_code == 201
        row = row_of(press, answer.get_json()["id"])
        assert "/" not in row.file_name
        assert uploads.NAME.fullmatch(row.upload)


def test_the_form_shows_what_was_understood_and_marks_what_is_wrong(server, press):
    visitor = manager(server, press)
    opened(visitor)
    assert "as guessed: comma" in visitor.text
    assert "3 May 2021 06:00:00" in visitor.text
    assert "not a number" in visitor.text
    assert "“wet”" in visitor.text
    assert "Choose the device" in visitor.text


def test_what_is_typed_is_kept_and_the_preview_follows(server, press):
    visitor = manager(server, press)
    number = opened(visitor)
    told(visitor, "zone", "Asia/Tokyo")
    told(visitor, "device_choice", "MX-01")
    assert row_of(press, number).detail["plan"] == {"zone": "Asia/Tokyo", "device": "MX-01"}
    assert "Asia/Tokyo" in str(visitor.page["import-preview"]["children"])
    told(visitor, "zone", "Mars/Base")
    assert "is not a zone" in str(visitor.page["import-preview"]["children"])
    told(visitor, "zone", "UTC")
    assert row_of(press, number).detail["plan"] == {"device": "MX-01"}
    told(visitor, "device_choice", "+")
    assert row_of(press, number).detail["plan"] == {"device": "press"}


def test_of_two_answers_that_overtake_each_other_the_later_one_is_kept(server, press):
    visitor = manager(server, press)
    number = opened(visitor)
    name, zone = (f'{{"name":"{each}","type":"import-told"}}' for each in ("device_choice", "zone"))
    visitor.set(name, value="MX-01", said=2_000)
    visitor.run("import-columns.children", changed=f"{name}.value")
    visitor.set(name, value="", said=None).set(zone, value="Asia/Tokyo", said=1_000)  # sent before it, come after it
    visitor.run("import-columns.children", changed=f"{zone}.value")
    assert row_of(press, number).detail["plan"] == {"device": "MX-01"}
    visitor.set(name, value="MX-01", said=2_000).set(zone, value="Asia/Tokyo", said=3_000)
    visitor.run("import-columns.children", changed=f"{zone}.value")
    assert row_of(press, number).detail["plan"] == {"device": "MX-01", "zone": "Asia/Tokyo"}


def test_what_is_checked_is_what_is_on_the_screen_though_it_is_still_on_its_way(server, press):
    visitor = manager(server, press)
    number = opened(visitor)
    visitor.set('{"name":"device_choice","type":"import-told"}', value="MX-01", said=1_000)
    press_button(visitor, "check")
    row = row_of(press, number)
    assert (row.state, row.detail["plan"]) == ("checking", {"device": "MX-01"})


def test_a_file_goes_all_the_way_from_the_page_and_back(server, services, runner, press):
    visitor = manager(server, press)
    number = opened(visitor)
    press_button(visitor, "check")
    assert "choose the device" in str(visitor.page["import-said"]["children"]).lower()
    told(visitor, "device_choice", "MX-01")
    press_button(visitor, "check")
    wait_until(lambda: row_of(press, number).state == "checked")
    answer = visitor.open(f"/import/{number}").text
    assert "What the import will do" in answer
    assert "Import 5 readings" in answer
    press_button(visitor, "start")
    wait_until(lambda: row_of(press, number).state == "done")
    answer = visitor.open(f"/import/{number}").text
    assert "The file is stored" in answer
    listed = visitor.client.get(f"/import/{number}/problems.csv")
    assert [row[:3] for row in csv.reader(io.StringIO(listed.get_data().decode("utf-8-sig")))][1:] == [["3", "refused", "temperature"]]
    press_button(visitor, "ask-undo")
    assert "5 readings" in visitor.page["import-undo-words"]["children"]
    press_button(visitor, "undo")
    wait_until(lambda: row_of(press, number).state == "undone")
    assert press.readings() == {}
    assert "undone" in visitor.open("/import").text


def test_the_list_of_problems_runs_no_formula_and_is_of_the_own_tenant(server, press):
    visitor = manager(server, press)
    number = opened(visitor)
    with tenant_transaction(press.database.engine, press.tenant_id) as connection:
        add_problems(connection, press.tenant_id, number, [Problem(2, "refused", "=cmd()", "-1+1")])
    answer = visitor.client.get(f"/import/{number}/problems.csv")
    assert list(csv.reader(io.StringIO(answer.get_data().decode("utf-8-sig"))))[1][2:4] == ["'=cmd()", "'-1+1"]
    stranger = manager(server, new_press(press.database))
    assert stranger.client.get(f"/import/{number}/problems.csv").status_code == 404
    assert "No such import" in stranger.open(f"/import/{number}").text


def test_a_file_that_is_gone_is_said_and_can_be_thrown_away(server, services, press):
    visitor = manager(server, press)
    number = opened(visitor)
    uploads.remove(services.settings, row_of(press, number).upload)
    assert "not on this server any more" in visitor.open(f"/import/{number}").text
    press_button(visitor, "discard")
    assert row_of(press, number) is None


def test_a_damaged_plan_does_not_break_the_page(server, press):
    visitor = manager(server, press)
    number = opened(visitor)
    with tenant_transaction(press.database.engine, press.tenant_id) as connection:
        connection.execute(text("update imports set detail = '{\"plan\": {\"nonsense\": 5}}' where id = :id"), {"id": number})
    assert "no setting of an import" in visitor.open(f"/import/{number}").text


def test_the_page_of_no_import_says_so(server, press):
    visitor = manager(server, press)
    for number in ("999999999", "x", "-1", "9" * 40):
        assert "No such import" in visitor.open(f"/import/{number}").text


def test_a_file_of_ten_thousand_columns_is_answered_in_time(server, press):
    names = ",".join(f"c{i}" for i in range(10_000))
    visitor = manager(server, press)
    opened(visitor, f"time,{names}\n2024-01-01 00:00:00,{',1' * 10_000}\n".replace(",,", ",").encode())
    assert "10,000 columns would become sensors" in visitor.text
    assert len(visitor.text) < 1_500_000


def test_progress_is_shown_as_it_goes(server, press):
    visitor = manager(server, press)
    number = opened(visitor)
    with tenant_transaction(press.database.engine, press.tenant_id) as connection:
        connection.execute(
            text(
                "update imports set state = 'running', runner = 'elsewhere:1:x', seen_at = now(), started_at = now() - interval '1000 s',"
                " bytes = 1000, bytes_read = 250, rows_read = 5000, stored = 4000 where id = :id"
            ),
            {"id": number},
        )
    visitor.run("import-body.children...")
    shown = str(visitor.page["import-body"]["children"])
    assert re.search(r"25 % of the file, [\d,]+ rows/s, about 5\d min left\.", shown)
    assert visitor.run("import-body.children...") == {}
    with tenant_transaction(press.database.engine, press.tenant_id) as connection:
        connection.execute(text("update imports set seen_at = now() - interval '20 s' where id = :id"), {"id": number})
    visitor.run("import-body.children...")
    assert "no word of it" in str(visitor.page["import-body"]["children"])


def test_a_column_that_holds_no_time_is_said_and_can_be_put_right(server, press):
    visitor = manager(server, press)
    number = opened(visitor)
    told(visitor, "time_column", "oil")
    assert "Time" in str(visitor.page["import-preview"]["children"])
    assert "disabled': True" in str(visitor.page["import-next"]["children"])
    told(visitor, "time_column", "")
    assert "3 May 2021" in str(visitor.page["import-preview"]["children"])
    told(visitor, "device_choice", "+")
    assert "Key of the new device" in str(visitor.page["import-new-device"]["children"])
    assert row_of(press, number).detail["plan"] == {"device": "press"}
