"""What a client of `/ws` says, and what is wrong with it where it cannot be followed."""

from collections.abc import Mapping
from typing import Any

import msgspec

from db.queries.stream import Position

Data = Mapping[str, Any]


class Message(msgspec.Struct):
    """What a client says: `id` comes back in the answer; `data` is an object, or the device's key alone as with Socket.IO."""

    event: str
    data: dict[str, Any] | str | None = None
    id: str | int | None = None


class Wrong(Exception):
    """A message that cannot be followed; the connection stays."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field, self.reason = field, reason


decode = msgspec.json.Decoder(Message).decode
"""A message; raises msgspec.DecodeError for what is none."""


def since_of(data: Data) -> Position | None:
    """The place that a client goes on from; None where it says none. Raises Wrong for what is no id of an event."""
    written = data.get("lastEventId")
    if written is None:
        return None
    try:
        return Position.parse(written)
    except ValueError as error:
        raise Wrong("lastEventId", str(error)) from error


def answers(message: Message) -> dict[str, str | int]:
    """What an answer says of the message that it is to."""
    return {} if message.id is None else {"inReplyTo": message.id}
