"""Connections: MQTT and Kafka, dead letters that can be replayed, events to other systems.

Revision ID: 0005
"""

from db.migrations.steps import grant_functions, grant_tables, run_files

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

FUNCTIONS: tuple[str, ...] = (  # those that the application's role may call
    "andon_connections()",
)


def upgrade() -> None:
    run_files("0005_*.up.sql")
    grant_tables()
    grant_functions(*FUNCTIONS)


def downgrade() -> None:
    run_files("0005_*.down.sql")
