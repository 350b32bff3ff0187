"""What every migration does: run its SQL files, and let the application's role at what they made."""

from pathlib import Path

from alembic import context, op

SQL = Path(__file__).parent / "sql"
APPEND_ONLY = ("audit_log", "alert_events", "downtime_edits")


def run_files(pattern: str) -> None:
    """Runs the files in `sql/` that match, in the order of their names."""
    driver = op.get_bind().connection.driver_connection  # without parameters psycopg takes a whole script at once
    for file in sorted(SQL.glob(pattern)):
        driver.execute(file.read_text())


def grant_tables() -> None:
    """What the application's role may do with each table and view; partitions get nothing, and functions only what a migration grants."""
    run = op.get_bind().exec_driver_sql
    quoted = app_role()
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


def grant_functions(*functions: str) -> None:
    """Lets the application's role call these: `andon_find_key(bytea)`."""
    for function in functions:
        op.get_bind().exec_driver_sql(f"grant execute on function {function} to {app_role()}")


def app_role() -> str:
    """The application's role, quoted."""
    return '"' + context.config.attributes["app_role"].replace('"', '""') + '"'
