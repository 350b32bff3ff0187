"""What channels, notices and policies are called on the pages."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from dashapp.domain.notices import lasted
from dashapp.ui.device.view import when
from db.columns import to_us
from db.queries.notices import Policy, Step

EVENTS = {"raised": "New", "escalated": "Escalated", "reminder": "Reminder", "ended": "Ended", "acknowledged": "Acknowledged"}
KINDS = {**EVENTS, "digest": "Digest", "test": "Test", "report": "Report"}
LEAST = {"low": "every priority", "medium": "medium and worse", "high": "high and critical", "critical": "critical alone"}
SPANS = {60: "a minute", 600: "10 minutes", 3600: "an hour", 86_400: "a day"}
ROLES = {"viewer": "Viewers", "operator": "Operators", "manager": "Managers", "admin": "Administrators"}


def moment(at: datetime, zone: str) -> str:
    """`21 Nov 14:02:03`, as the other pages write it."""
    return when(to_us(at), zone, seconds=True)


def span(seconds: int) -> str:
    """`10 minutes`; what the form does not offer is written out."""
    return SPANS.get(seconds, lasted(seconds))


def channel_state(channel: Mapping[str, Any], now: datetime, zone: str) -> tuple[str, str, str]:
    """(priority or "", word, sentence): how a channel does."""
    sent, failed = channel["last_sent_at"], channel["last_error_at"]
    waiting = f" {channel['waiting']} wait{'s' if channel['waiting'] == 1 else ''}." if channel["waiting"] else ""
    if not channel["enabled"]:
        return "", "Off", "Nothing goes out by it."
    if failed is not None and (sent is None or failed > sent):
        until = channel["paused_until"]
        again = f" Tried again at {moment(until, zone)}." if until is not None and until > now else ""
        return "high", "Failing", f"Since {moment(failed, zone)}: {channel['last_error']}.{again}{waiting}"
    if sent is None:
        return "", "Not used yet", f"Send a test to see whether it works.{waiting}"
    return "", "Works", f"Last message {moment(sent, zone)}.{waiting}"


def channel_goes(channel: Mapping[str, Any]) -> str:
    """Where a channel goes, without what is secret: `mail.example to a@example.com and 2 more`."""
    recipients = channel["settings"].get("recipients", [])
    if not recipients:
        return str(channel["hint"])
    more = f" and {len(recipients) - 2} more" if len(recipients) > 2 else ""
    return f"{channel['hint']} to {', '.join(recipients[:2])}{more}"


def channel_hears(channel: Mapping[str, Any]) -> str:
    """`New, Ended; high and critical; at most 20 in 10 minutes`."""
    kinds = ", ".join(EVENTS[one].lower() for one in EVENTS if one in channel["events"])
    rate = f"at most {channel['rate_messages']} in {span(channel['rate_s'])}"
    return f"{kinds[:1].upper()}{kinds[1:]}; {LEAST[channel['least_severity']]}; {rate}"


def notice_state(row: Any, zone: str) -> str:
    """What became of a notice, in a sentence."""
    tries = f" after {row.attempts} attempts" if row.attempts > 1 else ""
    if row.state == "sent":
        return f"Sent{tries}"
    if row.state == "failed":
        return f"Failed{tries}: {row.error}"
    if row.state == "dropped":
        return f"Not sent: {row.error}" if row.error else "Not sent"
    if row.state == "sending":
        return "Being sent"
    if row.state == "digested":
        told = {
            "sent": f"told by the digest of {moment(row.digest_sent_at, zone)}" if row.digest_sent_at else "",
            "failed": "its digest failed",
        }
        return f"In a digest: {told.get(row.digest_state, '') or 'which waits'}"
    return f"Waits{tries}: {row.error}" if row.error else "Waits"


def notice_title(row: Any) -> str:
    """What a notice says, also while it has not been sent."""
    if row.title:
        return str(row.title)
    return f"{row.facts.get('device', '')}, {row.facts.get('message', '')}".strip(", ") or "–"


def notice_to(row: Any) -> str:
    """`Shift mail: Kim (kim@example.com)`."""
    person = f"{row.person} ({row.recipient})" if row.person else row.recipient
    return f"{row.channel}: {person}" if person else str(row.channel)


def step_when(step: Step) -> str:
    """`At once`, `After 5 min`."""
    return "At once" if step.after_s == 0 else f"After {lasted(step.after_s)}"


def step_to(step: Step, channels: Mapping[int, str], people: Mapping[int, str]) -> list[str]:
    """Names of whom a step tells."""
    names = []
    for target in step.targets:
        if target.role is not None:
            names.append(ROLES[target.role])
        elif target.user_id is not None:
            names.append(people.get(target.user_id, "somebody who has left"))
        else:
            names.append(channels.get(target.channel_id or 0, "a channel that is gone"))
    return names


def needs_mail(policies: Sequence[Policy]) -> bool:
    """Whether a policy names people or roles, who are written to by an e-mail channel."""
    return any(target.user_id is not None or target.role is not None for one in policies for step in one.steps for target in step.targets)
