"""Programs: refresh tokens, idempotency keys.

Revision ID: 0006
"""

from db.migrations.steps import grant_functions, grant_tables, run_files

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

FUNCTIONS: tuple[str, ...] = ("andon_find_refresh_token(bytea)",)  # those that the application's role may call


def upgrade() -> None:
    run_files("0006_*.up.sql")
    grant_tables()
    grant_functions(*FUNCTIONS)


def downgrade() -> None:
    run_files("0006_*.down.sql")
