"""The core schema: access, readings, alerts, production.

Revision ID: 0001
"""

from alembic import op

from db.migrations.steps import app_role, grant_functions, grant_tables, run_files

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_files("0001_*.sql")
    grant_tables()
    grant_functions(
        "andon_find_user(text)", "andon_find_session(bytea)", "andon_find_key(bytea)", "andon_tenants()", "andon_has_users()",
        "andon_create_tenant(text, text, text, boolean)",
    )  # fmt: skip
    op.get_bind().exec_driver_sql(f"grant usage on schema public to {app_role()}")


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
