"""Dead letters into the pipeline again: what became of each."""

import time
from collections.abc import Sequence

from dashapp.ingest.batch import Batch
from dashapp.ingest.intake import Register, is_welcome, reasons
from dashapp.ingest.items import Refusal
from dashapp.ingest.messages import Message, ParsedMessages, parse_messages
from dashapp.ingest.pipeline import store_and_wait
from dashapp.ingest.services import Services
from db.columns import to_us
from db.queries.dead_letters import Letter

OF_A_FILE = ("line", "it is a line of a file: correct the file and import it again")
TRUNCATED = ("body", "only its beginning was kept: it cannot be replayed")


def replay(services: Services, register: Register, tenant_id: int, letters: Sequence[Letter]) -> dict[int, tuple[str, str] | None]:
    """Reads the letters as they came, with the device and the time that their message had, and stores what is good now.

    Gives by id None where all of it is stored (or was before), else (field, reason). What is stored twice counts once. Raises what the
    pipeline raises: Busy, Unavailable, TimeoutError.
    """
    found: dict[int, tuple[str, str] | None] = {}
    for letter in letters:
        if letter.truncated or letter.door == "csv":
            found[letter.id] = TRUNCATED if letter.truncated else OF_A_FILE
    whole = [letter for letter in letters if letter.id not in found]
    if not whole:
        return found
    messages = [_message(letter) for letter in whole]
    parsed = _parse(services, register, tenant_id, messages)
    refused: dict[int, list[Refusal]] = {}
    for number, refusal in parsed.refused:
        refused.setdefault(number, []).append(refusal)
    lost: dict[int, str] = {}
    if len(parsed.rows):
        batch = store_and_wait(services.pipeline, lambda done: Batch(tenant_id, "replay", "dead letters", parsed.rows, done))
        lost = {parsed.message_of_row[row]: reason for row, reason in batch.outcome.refused.items()}
        for row, value in batch.outcome.conflicts.items():
            lost[parsed.message_of_row[row]] = f"{value!r} was stored first for this sensor and time"
    for number, letter in enumerate(whole):
        if number in refused:
            found[letter.id] = reasons(refused[number])
        else:
            found[letter.id] = ("reading", lost[number]) if number in lost else None
    return found


def _message(letter: Letter) -> Message:
    """What came then: a reading without a time takes that of its message, else the moment at which it came."""
    time_us = letter.context.get("time_us")
    if not isinstance(time_us, int):
        time_us = to_us(letter.received_at)
    return Message(letter.raw, str(letter.context.get("device", "")), time_us, "replay")


def _parse(services: Services, register: Register, tenant_id: int, messages: list[Message]) -> ParsedMessages:
    now_us, future_s = time.time_ns() // 1000, services.settings.future_s
    catalogue = services.catalogue.refreshed(tenant_id)
    parsed = parse_messages(messages, catalogue, now_us, future_s=future_s)
    wanted = [refusal.wanted for _, refusal in parsed.refused if refusal.wanted]
    welcome = list(dict.fromkeys(names for names in wanted if is_welcome(catalogue, names[0], None)))
    if not welcome:
        return parsed
    register(services, tenant_id, welcome)
    return parse_messages(messages, services.catalogue.of(tenant_id), now_us, future_s=future_s)
