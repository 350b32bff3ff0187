"""Keys for devices and scripts: made, revoked, preset. Only their SHA-256 is stored; the secret is shown once."""

import hashlib
import secrets
from collections.abc import Sequence

from dashapp.actions import changes
from dashapp.actions.actor import ActionError, Actor, require
from dashapp.domain.fleet import Role
from db.commands import audit
from db.commands import people as commands
from db.engine import Database
from db.queries import people as queries
from db.tenancy import tenant_transaction

SCOPES = ("ingest", "read")
SHORTEST_PRESET = 8
PRESET_NAME = "preset by ANDON_INGEST_KEY"


def hash_of(secret: str) -> bytes:
    """What is stored of a key or token. They are long and random (or the operator's own choice): no salt, no slow hash."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def create_key(
    database: Database, actor: Actor, name: str, scopes: Sequence[str], device_id: int | None
) -> tuple[int, str]:
    """Makes a key in the actor's tenant; managers and above. Returns its id and the secret, which is shown this once.

    Raises ActionError for an empty name, an unknown scope or a device that is not there.
    """
    require(actor, Role.MANAGER)
    name = audit.clean(name).strip()
    if not 1 <= len(name) <= 200:
        raise ActionError("name", "1 to 200 characters are expected")
    wrong = [scope for scope in scopes if scope not in SCOPES]
    if wrong or not scopes:
        raise ActionError("scopes", f"one or more of {', '.join(SCOPES)} are expected")
    secret = f"andon_{secrets.token_urlsafe(16)}"
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        if device_id is not None and not queries.device_exists(connection, device_id):
            raise ActionError("device_id", "there is no such device", status=404)
        key_id = commands.insert_key(connection, name, hash_of(secret), secret[:10], list(scopes), device_id)
        if key_id is None:
            raise ActionError("secret", "this key is in use already", status=409)
        detail = {"id": key_id, "scopes": list(scopes), "device_id": device_id}
        audit.record(connection, actor, "create_key", name, detail)
    return key_id, secret


def revoke_key(database: Database, actor: Actor, key_id: int) -> None:
    """Ends a key for good; managers and above. Raises ActionError where there is none that is in use."""
    require(actor, Role.MANAGER)
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        name = commands.revoke_key(connection, key_id)
        if name is None:
            raise ActionError("key", "there is no such key in use", status=404)
        audit.record(connection, actor, "revoke_key", name, {"id": key_id})
    changes.announce()


def ensure_preset_key(database: Database, tenant_id: int, secret: str) -> int:
    """Makes the key that the settings name one of `tenant_id`, and returns its id; nothing is changed where it is.

    Where it was another tenant's (the demo plant went), it moves; where somebody revoked it, the setting wins.
    Raises ActionError for fewer than 8 characters.
    """
    if len(secret) < SHORTEST_PRESET:
        raise ActionError("ANDON_INGEST_KEY", f"at least {SHORTEST_PRESET} characters are expected")
    hashed = hash_of(secret)
    with database.engine.connect() as connection:
        found = queries.find_key(connection, hashed)
        others = [tenant.id for tenant in queries.tenants(connection) if tenant.id != tenant_id]
    if found is not None and found.tenant_id == tenant_id:
        return found.id
    for other in others:
        with tenant_transaction(database.engine, other) as connection:
            given_up = commands.delete_key(connection, hashed)
            if given_up is not None:
                audit.record(connection, "system", "give_up_preset_key", PRESET_NAME, {"id": given_up})
    with tenant_transaction(database.engine, tenant_id) as connection:
        key_id = commands.keep_preset_key(connection, PRESET_NAME, hashed, f"{secret[:3]}…")
        audit.record(connection, "system", "preset_key", PRESET_NAME, {"id": key_id})
    changes.announce()
    return key_id
