"""Many messages of a broker → columns, and what of them was refused: what every door of a broker does with what it brought."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from dashapp.ingest.catalogue import TenantCatalogue
from dashapp.ingest.items import DEVICE_FIELDS, MILLION, Refusal
from dashapp.ingest.payloads import BodyError, Parsed, columns_of, decode, decode_one, parse_items, parse_one
from db.commands.readings import Rows


class Message(NamedTuple):
    """What a broker brought: its bytes, the device and the time where they name none, where it came from, and a number of the door's."""

    payload: bytes
    device: str
    time_us: int
    origin: str
    number: int = 0


@dataclass(slots=True)
class ParsedMessages:
    """Rows of many messages, with the message that each came from, and what was refused, with its message."""

    rows: Rows
    message_of_row: Sequence[int]
    refused: list[tuple[int, Refusal]] = field(default_factory=list)


def parse_messages(messages: Sequence[Message], catalogue: TenantCatalogue, now_us: int, *, future_s: int = 300) -> ParsedMessages:
    """Reads many messages, each of any shape; clean ones of one reading together, as a list of them would be. Raises nothing of them."""
    latest_us = now_us + future_s * MILLION
    clean, owners, rest = _decoded(messages)
    rows = columns_of(clean, catalogue, latest_us) if clean else None
    if rows is None:
        rest, owners = range(len(messages)), []
    pieces, refused = [rows] if rows is not None else [], []
    for index in rest:
        try:
            parsed = _parse_message(messages[index], catalogue, now_us, latest_us)
        except BodyError as error:
            refused.append((index, Refusal(0, error.field, error.reason)))
            continue
        if len(parsed.rows):
            pieces.append(parsed.rows)
            owners += [index] * len(parsed.rows)
        refused += [(index, refusal) for refusal in parsed.refused]
    return ParsedMessages(_joined(pieces), owners, refused)


def _decoded(messages: Sequence[Message]) -> tuple[list[Any], list[int], Sequence[int]]:
    """(readings that are whole in themselves, the message of each, the messages that want a closer look)."""
    clean, owners, rest = [], [], []
    for index, message in enumerate(messages):
        item = decode_one(message.payload)
        if item is None:
            rest.append(index)
        else:
            clean.append(item)
            owners.append(index)
    return clean, owners, rest


def _parse_message(message: Message, catalogue: TenantCatalogue, now_us: int, latest_us: int) -> Parsed:
    parsed = parse_one(message.payload, catalogue, latest_us)
    if parsed is not None:
        return parsed
    items = decode(message.payload)
    if message.device:
        items = [
            {"device_id": message.device, **item} if isinstance(item, dict) and not any(name in item for name in DEVICE_FIELDS) else item
            for item in items
        ]
    return parse_items(items, catalogue, now_us, latest_us, message.time_us)


def _joined(pieces: Sequence[Rows]) -> Rows:
    if len(pieces) == 1:
        return pieces[0]
    if not pieces:
        return Rows(np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0), np.empty(0, np.int16))
    return Rows(
        np.concatenate([piece.sensor_ids for piece in pieces]), np.concatenate([piece.times_us for piece in pieces]),
        np.concatenate([piece.values for piece in pieces]), np.concatenate([piece.quality for piece in pieces]),
    )  # fmt: skip
