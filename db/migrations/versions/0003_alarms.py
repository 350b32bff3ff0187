"""Alarms: what rules wait for, suppressors, notices.

Revision ID: 0003
"""

from db.migrations.steps import grant_functions, grant_tables, run_files

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

FUNCTIONS: tuple[str, ...] = (  # those that the application's role may call
    "andon_tenants_to_notify(timestamptz)",
    "andon_tenants_with_alarms_due(timestamptz)",
)


def upgrade() -> None:
    run_files("0003_*.up.sql")
    grant_tables()
    grant_functions(*FUNCTIONS)


def downgrade() -> None:
    run_files("0003_*.down.sql")
