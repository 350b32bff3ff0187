"""The demo plant goes with everything that it has and nothing else, stays away over a restart, and comes back when it is asked for."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from dashapp.actions.access import sign_in
from dashapp.actions.actor import ActionError, Actor, Forbidden
from dashapp.actions.demo import bring_demo_back, preview_removal, remove_demo
from dashapp.actions.keys import create_key, ensure_preset_key, hash_of
from dashapp.actions.plant import ensure_plant
from dashapp.actions.sessions import actor_of, enter_tenant
from dashapp.domain.fleet import Role
from dashapp.serving import prepare
from dashapp.settings import Settings
from db.columns import to_us
from db.commands.installation import demo_state
from db.commands.partitions import ensure_partitions
from db.commands.tenants import delete_in_batches
from db.embedded import EmbeddedPostgres
from db.engine import Database, connect_raw, psycopg_url
from db.queries import people
from db.tenancy import tenant_reading, tenant_transaction
from jobs import demo_plant
from jobs.demo import ensure_demo, fill_history
from tests.integration.access import PASSWORD, new_platform_user, new_user
from tests.integration.every_table import make_rows, read_catalogue
from tests.integration.fresh import fresh_database
from tests.integration.stored import utc_us

pytestmark = pytest.mark.requirement("IN-6")
NOW = datetime(2026, 5, 13, 10, 0, tzinfo=UTC)
SECRET = "the-preset-key-of-tests"


@dataclass(frozen=True)
class Two:
    """An installation with its own plant and a demo plant, a row in every table of both."""

    database: Database
    plant: int
    demo: int
    owner: Actor
    postgres: EmbeddedPostgres

    def rows(self) -> dict[int, dict[str, int]]:
        """Tenant → table → rows, as the superuser sees them; the log left out, where every action writes."""
        with self.database.owner.connect() as connection:
            tables = read_catalogue(connection).owned
        found: dict[int, dict[str, int]] = {}
        superuser = psycopg_url(self.postgres.url("postgres")).set(database=self.database.engine.url.database)
        with connect_raw(superuser) as connection:
            for table in tables:
                for tenant, count in connection.execute(f'select {table.tenant_column}, count(*) from "{table.name}" group by 1'):  # type: ignore[arg-type]
                    found.setdefault(int(str(tenant)), {})[table.name] = int(str(count))
        for counted in found.values():
            counted.pop("audit_log", None)
        return found


@pytest.fixture
def two(postgres: EmbeddedPostgres) -> Iterator[Two]:
    with fresh_database(postgres) as database:
        plant = ensure_plant(database, Settings())
        ensure_partitions(database, (utc_us("2026-01-15T00:00"), utc_us("2026-01-16T00:00")))
        demo = ensure_demo(database, days=0, span="month", now=NOW, progress=lambda _share, _note: None)
        fill_history(
            database, demo, to_us(NOW), to_us(NOW) + 180_000_000, full_from_us=to_us(NOW), span="month", progress=lambda _share, _note: None
        )
        with tenant_transaction(database.engine, demo) as connection:
            connection.execute(text("delete from rollup_progress"))  # a row of its own follows
        owner = new_platform_user(database, plant)
        for tenant in (plant, demo):
            with tenant_transaction(database.engine, tenant) as connection:
                make_rows(connection, read_catalogue(connection), tenant)
        with tenant_transaction(database.engine, plant) as connection:
            connection.execute(text("delete from sessions"))
        signed_in = sign_in(database, owner.email, PASSWORD, None, None, datetime.now(UTC))
        with database.engine.connect() as connection:
            session = people.find_session(connection, hash_of(signed_in.token))
        assert session is not None
        who = actor_of(session)
        enter_tenant(database, who, demo)
        with database.engine.connect() as connection:
            moved = people.find_session(connection, hash_of(signed_in.token))
        assert moved is not None
        yield Two(database, plant, demo, actor_of(moved), postgres)


def state_of(database: Database) -> str:
    with database.engine.connect() as connection:
        return demo_state(connection).state


def test_nothing_of_it_is_left_in_any_table_and_the_other_plant_is_as_it_was(two: Two) -> None:
    before = two.rows()
    assert set(before[two.demo]) == set(before[two.plant]), "a table has no row to look for"
    remove_demo(two.database, two.owner, NOW)
    demo_plant.run(two.database, NOW, days=1, span="month")
    after = two.rows()
    assert two.demo not in after
    assert after[two.plant] == before[two.plant]
    assert state_of(two.database) == "removed"


def test_it_is_gone_for_everybody_at_once(two: Two) -> None:
    key_id, secret = create_key(two.database, two.owner, "gateway", ["ingest"], None)
    member = new_user(two.database, two.demo)
    token = sign_in(two.database, member.email, PASSWORD, None, None, datetime.now(UTC)).token
    remove_demo(two.database, two.owner, NOW)
    with two.database.engine.connect() as connection:
        assert two.demo not in [tenant.id for tenant in people.tenants(connection)]
        assert people.find_key(connection, hash_of(secret)) is None
        assert people.find_session(connection, hash_of(token)) is None
    with tenant_reading(two.database.engine, two.plant) as connection:
        (active,) = connection.execute(text("select active_tenant_id from sessions where id = :id"), {"id": two.owner.session_id}).one()
        log = connection.execute(text("select actor, detail from audit_log where action = 'remove_demo'")).one()
    assert active == two.plant
    assert (log.actor, log.detail["sessions_moved"]) == (two.owner.label, 1)
    with pytest.raises(ActionError, match="no such tenant"):
        enter_tenant(two.database, two.owner, two.demo)
    with pytest.raises(ActionError, match="no demo plant"):
        remove_demo(two.database, two.owner, NOW)
    with pytest.raises(ActionError, match="already"):
        bring_demo_back(two.database, two.owner, NOW)
    assert key_id


def test_the_preview_counts_what_goes(two: Two) -> None:
    there = preview_removal(two.database, two.owner)
    assert (there.tenant_id, there.devices, there.keys) == (two.demo, 9, 1)
    assert there.readings >= 20 * 18


def test_a_removal_that_was_cut_off_goes_on(two: Two) -> None:
    remove_demo(two.database, two.owner, NOW)
    batches = delete_in_batches(two.database, two.demo)
    assert next(batches) > 0
    batches.close()
    assert demo_plant.run(two.database, NOW, days=1, span="month", halted=lambda: True) == "halted"
    assert state_of(two.database) == "removing"
    demo_plant.run(two.database, NOW, days=1, span="month")
    assert two.demo not in two.rows()


def test_a_start_does_not_bring_it_back_unasked_and_the_preset_key_is_the_plants(two: Two, tmp_path) -> None:
    ensure_preset_key(two.database, two.demo, SECRET)
    remove_demo(two.database, two.owner, NOW)
    demo_plant.run(two.database, NOW, days=1, span="month")
    prepare(Settings(data_dir=tmp_path, demo=True, demo_days=1, ingest_key=SECRET), two.database)
    with two.database.engine.connect() as connection:
        assert [tenant.key for tenant in people.tenants(connection)] == ["plant"]
        grant = people.find_key(connection, hash_of(SECRET))
    assert grant is not None
    assert grant.tenant_id == two.plant


def test_it_comes_back_with_a_history_when_it_is_asked_for_and_then_stays(two: Two, tmp_path) -> None:
    remove_demo(two.database, two.owner, NOW)
    demo_plant.run(two.database, NOW, days=1, span="month")
    home = Actor("user", two.owner.id, two.plant, Role.ADMIN, is_platform=True, home_tenant_id=two.plant)
    bring_demo_back(two.database, home, NOW)
    assert demo_plant.run(two.database, NOW, days=0, span="month", halted=lambda: True) in ("halted", "made")
    later = datetime.now(UTC) + timedelta(minutes=5)
    demo_plant.run(two.database, later, days=1, span="month")
    assert state_of(two.database) == "there"
    prepare(Settings(data_dir=tmp_path, demo=False, demo_days=1), two.database)
    with two.database.engine.connect() as connection:
        demo = next(tenant for tenant in people.tenants(connection) if tenant.is_demo)
    assert demo.id != two.demo
    with tenant_reading(two.database.engine, demo.id) as connection:
        assert connection.execute(text("select count(*) from devices")).scalar_one() == 8
        assert connection.execute(text("select count(*) from readings")).scalar_one() > 1000


def test_only_people_of_the_platform_may_and_not_those_whose_own_plant_it_is(two: Two) -> None:
    admin = Actor("user", 1, two.demo, Role.ADMIN)
    for action in (lambda: remove_demo(two.database, admin, NOW), lambda: bring_demo_back(two.database, admin, NOW)):
        with pytest.raises(Forbidden):
            action()
    with pytest.raises(Forbidden):
        preview_removal(two.database, admin)
    at_home = Actor("user", 1, two.demo, Role.ADMIN, is_platform=True)
    with pytest.raises(ActionError, match="your own account"):
        remove_demo(two.database, at_home, NOW)
    with pytest.raises(ActionError, match="there is a demo plant"):
        bring_demo_back(two.database, two.owner, NOW)
