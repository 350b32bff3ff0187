"""Production: stops, their reasons and hours, products, calendars, reports.

Revision ID: 0004
"""

from db.migrations.steps import grant_functions, grant_tables, run_files

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

FUNCTIONS: tuple[str, ...] = ("andon_tenants_with_reports()",)  # those that the application's role may call


def upgrade() -> None:
    run_files("0004_*.up.sql")
    grant_tables()
    grant_functions(*FUNCTIONS)


def downgrade() -> None:
    run_files("0004_*.down.sql")
