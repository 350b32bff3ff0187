"""What a client missed, chunk by chunk. Everything here waits for the database."""

from dashapp.actions.actor import Actor
from dashapp.api.sockets.compose import Composer, Wish
from dashapp.api.sockets.who import sees
from dashapp.api.sockets.words import Event
from db.engine import Database
from db.queries.stream import CHUNK, Position, followed, in_order, rows_since
from db.tenancy import tenant_reading


def is_kept(database: Database, tenant_id: int, since: Position, epoch: int) -> bool:
    """Whether everything since then is still there; `epoch` is that of what is followed now."""
    with tenant_reading(database.engine, tenant_id) as connection:
        found = followed(connection)
    return found is not None and found[0].epoch == since.epoch == epoch and found[0].kept_from <= since.horizon <= found[1]


def missed(
    database: Database, composer: Composer, actor: Actor, since: Position, seen: str, wish: Wish, after: int
) -> tuple[list[Event], int | None]:
    """The events of the chunk beyond the row `after` that the snapshot `seen` sees, and the row to go on after (None: it was the last)."""
    with tenant_reading(database.engine, actor.tenant_id) as connection:
        rows = rows_since(connection, since, seen, after)
    made = composer.events(actor.tenant_id, since.epoch, in_order(rows), wish)
    events = [told for told in made if sees(actor, told) and not _had(told, since)]
    return events, rows[-1].id if len(rows) == CHUNK else None


def _had(told: Event, since: Position) -> bool:
    """Whether the client has this event of the very row that it stopped in."""
    position = None if told.id is None else Position.parse(told.id)
    return position is not None and since.row != 0 and position.row == since.row and position.part <= since.part
