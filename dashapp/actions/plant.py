"""The plant's own tenant: made at the first start, configured by settings."""

from sqlalchemy import text

from dashapp.settings import Settings
from db.commands.reasons import ensure_default_reasons
from db.commands.rules import ensure_default_rules
from db.engine import Database
from db.tenancy import tenant_transaction

KEY = "plant"


def ensure_plant(database: Database, settings: Settings) -> int:
    """The id of the tenant that belongs to who runs this installation, made where it is missing."""
    with database.engine.begin() as connection:
        tenant_id: int = connection.execute(
            text("select andon_create_tenant(:key, :name, :zone, false)"),
            {"key": KEY, "name": settings.plant_name, "zone": settings.plant_zone},
        ).scalar_one()
    with tenant_transaction(database.engine, tenant_id) as connection:
        connection.execute(
            text("update tenants set settings = settings || jsonb_build_object('auto_register', cast(:on as boolean))"),
            {"on": settings.auto_register},
        )
        ensure_default_rules(connection, tenant_id)
        ensure_default_reasons(connection)
    return tenant_id
