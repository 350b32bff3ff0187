"""When a message goes out, and what follows when it does not: rate, flood, backoff. Pure: times are seconds, chance is an argument."""

import re
from dataclasses import dataclass
from typing import Literal

FIRST_WAIT_S, LONGEST_WAIT_S = 5.0, 900.0
TRIED_FOR_S = 86_400.0
"""How long a message is tried again: after a day nobody needs it."""

LATER = (408, 425, 429)  # HTTP: too slow, too early, too many


def tokens_now(tokens: float | None, age_s: float, messages: int, per_s: float) -> float:
    """What a bucket of `messages` per `per_s` seconds holds, `age_s` after it held `tokens` (None: never used, full)."""
    if tokens is None:
        return float(messages)
    return min(tokens + max(age_s, 0.0) * messages / per_s, float(messages))


def wait_s(failures: int, chance: float) -> float:
    """Seconds until the next attempt after so many failures in a row: doubling from 5 s to 15 min, ± a quarter by `chance` in [0, 1)."""
    plain = min(FIRST_WAIT_S * 2.0 ** min(max(failures - 1, 0), 20), LONGEST_WAIT_S)
    return plain * (0.75 + 0.5 * chance)


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for one recipient of a channel."""

    messages: int
    recent: int  # notices made for them within the window of a flood, these included
    since_digest_s: float | None  # since their last digest; None: there was none


def decide(waiting: Waiting, *, tokens: float, failures: int, digest_from: int, digest_s: float) -> Literal["one", "digest", "hold"]:
    """Whether the next message to a recipient is the oldest that waits, a digest of all that wait, or none yet.

    A flood is `digest_from` notices within `digest_s` seconds: a digest then, and the next one `digest_s` later. A digest is also
    what goes out first after failures, and where more waits than the rate allows: what is late is not told piece by piece.
    """
    if waiting.messages == 0 or tokens < 1:
        return "hold"
    if waiting.recent >= digest_from:
        if waiting.since_digest_s is not None and waiting.since_digest_s < digest_s:
            return "hold"
        return "digest" if waiting.messages > 1 else "one"
    if waiting.messages > 1 and (failures > 0 or waiting.messages > tokens):
        return "digest"
    return "one"


Failure = Literal["later", "channel", "never"]


def kind_of_failure(http_status: int | None, smtp_status: int | None) -> Failure:
    """What a failure means: `later` (this message again, soon), `channel` (nothing gets through now: leave it alone for a while),
    `never` (this will not work however often it is tried).

    Without any status nobody answered: `channel`.
    """
    if http_status is not None:
        if http_status in LATER or http_status >= 500:
            return "channel"
        return "never"
    if smtp_status is not None:
        if smtp_status >= 500:
            return "never"
        return "channel" if smtp_status in (421, 454) else "later"
    return "channel"


def statuses(log: str) -> tuple[int | None, int | None]:
    """(HTTP status, SMTP status) that the log of an attempt tells of; each None where there was none."""
    http = re.search(r"error=(\d{3})\b", log)
    smtp = re.search(r"(?:Socket Exception: \(|: \()(\d{3}), b?['\"]|refused: (\d{3}) |\{[^}]*: \((\d{3}), b", log)
    return (int(http[1]) if http else None, int(next(group for group in smtp.groups() if group)) if smtp else None)
