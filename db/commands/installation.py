"""What the whole installation shares, whatever the tenant: secrets made once and read by every replica."""

import secrets

from sqlalchemy import Engine, text


def shared_secret(engine: Engine, name: str) -> str:
    """The secret of that name (`jwt`, `csrf`): 256 bits as URL-safe text, made by whoever asks first."""
    with engine.begin() as connection:
        connection.execute(
            text("insert into installation (name, value) values (:name, :value) on conflict do nothing"),
            {"name": f"secret:{name}", "value": secrets.token_urlsafe(32)},
        )
        value: str = connection.execute(
            text("select value from installation where name = :name"), {"name": f"secret:{name}"}
        ).scalar_one()
    return value
