"""One short text that changes whenever something about notices does: what open pages ask for each second."""

from sqlalchemy import Connection, text

_PULSE = text("""
select concat_ws(':', (select max(id) from notifications),
  (select concat_ws(',', count(*), count(*) filter (where state = 'sending'), max(attempts)) from notifications
    where state in ('queued', 'sending')),
  (select concat_ws(',', count(*), sum(failures), count(*) filter (where enabled), max(last_sent_at), max(last_error_at))
    from channels))""")


def notice_pulse(connection: Connection) -> str:
    """Of the transaction's tenant."""
    found: str = connection.execute(_PULSE).scalar_one()
    return found
