"""The core schema: access, readings, alerts, production.

Revision ID: 0001
"""

from pathlib import Path

from alembic import context, op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"
GLOBAL_READ_WRITE = ("installation", "sign_in_attempts", "leases", "job_runs", "pinned_partitions")
APPEND_ONLY = ("audit_log", "alert_events")


def upgrade() -> None:
    driver = op.get_bind().connection.driver_connection  # without parameters psycopg takes a whole script at once
    for file in sorted(SQL.glob("0001_*.sql")):
        driver.execute(file.read_text())
    grant(context.config.attributes["app_role"])


def grant(role: str) -> None:
    """What the application's role may do; partitions get nothing."""
    run = op.get_bind().exec_driver_sql
    quoted = '"' + role.replace('"', '""') + '"'
    tables = run(
        "select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace"
        " where n.nspname = 'public' and c.relkind in ('r', 'p', 'v') and not c.relispartition"
    ).scalars()
    for table in tables.all():
        if table == "alembic_version":
            continue
        rights = "select, insert" if table in APPEND_ONLY else "select, insert, update, delete"
        if table == "tenants":
            rights = "select, update"
        run(f'grant {rights} on "{table}" to {quoted}')
    run("revoke execute on all functions in schema public from public")
    for function in (
        "andon_find_user(text)", "andon_find_session(bytea)", "andon_find_key(bytea)", "andon_tenants()", "andon_has_users()",
        "andon_create_tenant(text, text, text, boolean)",
    ):  # fmt: skip
        run(f"grant execute on function {function} to {quoted}")
    run(f"grant usage on schema public to {quoted}")


def downgrade() -> None:
    run = op.get_bind().exec_driver_sql
    run("drop view if exists machine_stats_24h, active_alerts, system_overview")
    tables = run("select tablename from pg_tables where schemaname = 'public' and tablename <> 'alembic_version'")
    for table in tables.scalars().all():
        run(f'drop table if exists "{table}" cascade')
    functions = run(
        "select oid::regprocedure::text from pg_proc where starts_with(proname, 'andon_') and pronamespace = 'public'::regnamespace"
    )
    for function in functions.scalars().all():
        run(f"drop function if exists {function} cascade")
