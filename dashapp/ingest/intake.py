"""What every door of a broker does with its messages: read them, hand them to the pipeline, and learn what became of them.

A flight is a batch of messages under way. Who brought them is acknowledged when the flight has landed without an error, never before:
what was refused is kept as dead letters in the same transaction, so it counts as taken.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from dashapp.ingest.batch import Batch, Outcome
from dashapp.ingest.catalogue import TenantCatalogue
from dashapp.ingest.items import Refusal
from dashapp.ingest.messages import Message, ParsedMessages, parse_messages
from dashapp.ingest.payloads import RawItems
from dashapp.ingest.services import Services
from dashapp.ingest.writer import letter
from db.commands.readings import DeadLetter

Register = Callable[[Services, int, list[tuple[str, str, str]]], None]
MOST_MESSAGES = 5_000  # in one flight


@dataclass(slots=True)
class Flight:
    """Messages under way; `done` is set once they are stored, or could not be (`error`)."""

    messages: Sequence[Message]
    letters: int
    done: threading.Event = field(default_factory=threading.Event)
    outcome: Outcome = field(default_factory=Outcome)

    @property
    def error(self) -> Exception | None:
        """Why nothing of it is known to be stored."""
        return self.outcome.error

    @property
    def refused(self) -> int:
        """What went to the dead letters."""
        return self.letters + len(self.outcome.refused)


class Intake:
    """The way of one connection's messages into the pipeline."""

    def __init__(self, services: Services, tenant_id: int, door: str, source: str, register: Register) -> None:
        self._services = services
        self._tenant_id = tenant_id
        self._door = door
        self._source = source
        self._register = register

    def submit(self, messages: Sequence[Message], landed: Callable[[], None] = lambda: None) -> Flight:
        """Reads the messages and queues what is in them; `landed` is called from the writer's thread.

        Raises Busy where the queue is full, and what the database raises where names cannot be looked up: nothing is taken then.
        """
        parsed = self._parse(messages)
        letters = letters_of(messages, parsed, self._door, self._source)
        flight = Flight(messages, len(letters))

        def done(outcome: Outcome) -> None:
            flight.outcome = outcome
            flight.done.set()
            landed()

        batch = Batch(self._tenant_id, self._door, self._source, parsed.rows, done, dead=letters)
        batch.raw = lambda row: messages[parsed.message_of_row[row]].payload
        batch.context = lambda row: context_of(messages[parsed.message_of_row[row]])
        self._services.pipeline.submit(batch)
        return flight

    def _parse(self, messages: Sequence[Message]) -> ParsedMessages:
        services, now_us = self._services, time.time_ns() // 1000
        future_s = services.settings.future_s
        catalogue = services.catalogue.of(self._tenant_id)
        parsed = parse_messages(messages, catalogue, now_us, future_s=future_s)
        wanted = [refusal.wanted for _, refusal in parsed.refused if refusal.wanted]
        if not wanted:
            return parsed
        welcome = list(dict.fromkeys(names for names in wanted if is_welcome(catalogue, names[0], None)))
        if welcome:
            self._register(services, self._tenant_id, welcome)
        fresh = services.catalogue.refreshed(self._tenant_id)
        return parsed if fresh is catalogue else parse_messages(messages, fresh, now_us, future_s=future_s)


def is_welcome(catalogue: TenantCatalogue, device_key: str, device_id: int | None) -> bool:
    """Whether a name that is not known may register itself: of any device where the plant says so, of one that takes new sensors.

    `device_id` is the only device that the sender may speak for.
    """
    if catalogue.auto_register and device_id is None:
        return True
    device = catalogue.devices.get(device_key)
    return device is not None and device.accepts_new and device_id in (None, device.id)


def reasons(found: Sequence[Refusal]) -> tuple[str, str]:
    """(field, reason) of what was refused in one item: the first, and how many more there were."""
    more = f" (and {len(found) - 1} more of its fields)" if len(found) > 1 else ""
    return found[0].field, found[0].reason + more


def letters_of(messages: Sequence[Message], parsed: ParsedMessages, door: str, source: str) -> list[DeadLetter]:
    """One for each item of which something was refused."""
    if not parsed.refused:
        return []
    by_item: dict[tuple[int, int], list[Refusal]] = {}
    for message, refusal in parsed.refused:
        by_item.setdefault((message, refusal.index), []).append(refusal)
    split: dict[int, RawItems] = {}
    letters = []
    for (number, item), found in by_item.items():
        message = messages[number]
        raw = split.setdefault(number, RawItems(message.payload))[item]
        letters.append(letter(door, source, *reasons(found), raw, context_of(message)))
    return letters


def context_of(message: Message) -> dict[str, str | int]:
    """What a replay of a message needs besides its bytes."""
    return {"device": message.device, "time_us": message.time_us, "origin": message.origin}
