"""The first day: imports, wall screens, saved views.

Revision ID: 0002
"""

from db.migrations.steps import grant_functions, grant_tables, run_files

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

FUNCTIONS: tuple[str, ...] = (  # those that the application's role may call
    "andon_open_imports()",
    "andon_leaving_tenants()",
    "andon_find_kiosk_link(bytea)",
    "andon_find_kiosk_screen(bytea)",
)


def upgrade() -> None:
    run_files("0002_*.up.sql")
    grant_tables()
    grant_functions(*FUNCTIONS)


def downgrade() -> None:
    run_files("0002_*.down.sql")
