"""What a notice says: its kinds, the words that templates are filled with, the digest of many.

Pure: facts come as texts, made by whoever knows the time zone. Templates are `string.Template`: names to fill in and nothing that
could compute, so that whoever may write one can neither read the server nor keep it busy.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import Template

KINDS = {
    "raised": "A new alert, or one that came back or got worse",
    "escalated": "Nobody has acknowledged it for as long as the policy allows",
    "reminder": "It is still not acknowledged",
    "ended": "The alert has ended",
    "acknowledged": "Somebody has acknowledged it",
    "digest": "Many at once, in one message",
    "test": "The test button",
}
TOLD = ("raised", "escalated", "reminder", "ended", "acknowledged")  # those that a channel may take or leave
SEVERITIES = ("critical", "high", "medium", "low")  # the worst first
NAMES = {
    "severity": "how bad it is: Critical, High, Medium, Low",
    "message": "what is wrong: Temperature above 90 °C",
    "device": "key of the device: MX-02",
    "device_name": "its name: Welding Station Beta",
    "place": "where it stands",
    "sensor": "what was measured: Temperature",
    "value": "the value then, with its unit: 95.2 °C",
    "limit": "the limit that it crossed: 90 °C",
    "since": "when it began, in the plant's time zone",
    "duration": "how long it has lasted: 12 min",
    "level": "the escalation level, from 1",
    "by": "who acknowledged it",
    "comment": "what they wrote",
    "plant": "name of the plant",
    "id": "number of the alert",
    "link": "its page, where ANDON_PUBLIC_URL is set",
}
DETAILS = "\nDevice: $device $device_name\nPlace: $place\nSensor: $sensor\nValue: $value\nLimit: $limit\nSince: $since\n"
DEFAULTS: dict[str, tuple[str, str]] = {
    "raised": ("$severity: $device, $message", f"$message{DETAILS}$link"),
    "escalated": ("$severity, level $level: $device, $message", f"Nobody has acknowledged this for $duration.\n$message{DETAILS}$link"),
    "reminder": ("Still open, $severity: $device, $message", f"Nobody has acknowledged this for $duration.\n$message{DETAILS}$link"),
    "ended": ("Ended: $device, $message", "$message\nDevice: $device $device_name\nValue: $value\nBegan: $since\nLasted: $duration\n$link"),
    "acknowledged": ("Acknowledged by $by: $device, $message", "$message\nBy: $by\nComment: $comment\nSince: $since\n$link"),
    "test": ("Test from $plant", "This is a test: no alert is behind it. Notices from $plant arrive here.\n$link"),
}
SHORT = "$link"  # the body on a telephone: the title says it all
LONGEST_TEMPLATE = 4000
WORST_NAMED = 10
_FIELD = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


class TemplateError(ValueError):
    """A template that cannot be filled in; the message says why."""


@dataclass(frozen=True, slots=True)
class Message:
    """What goes out: one line, and the text below it."""

    title: str
    body: str


def check_template(text: str) -> None:
    """Raises TemplateError for a name that nobody fills in, or a `$` that names nothing."""
    if len(text) > LONGEST_TEMPLATE:
        raise TemplateError(f"at most {LONGEST_TEMPLATE} characters are taken")
    template = Template(text)
    if not template.is_valid():
        raise TemplateError("a $ has to be followed by a name; write $$ for the sign itself")
    unknown = [name for name in template.get_identifiers() if name not in NAMES]
    if unknown:
        raise TemplateError(f"${unknown[0]} is not known; known are {', '.join('$' + name for name in NAMES)}")


def render(what: str, facts: Mapping[str, str], templates: Mapping[str, Mapping[str, str]], *, short: bool = False) -> Message:
    """The message of a kind, by the channel's own template where it has one (`{kind: {title, body}}`).

    A line all of whose names are empty is left out; one without names stays.
    """
    title, body = DEFAULTS.get(what, DEFAULTS["raised"])
    own = templates.get(what, {})
    title = own.get("title") or title
    body = own.get("body") or (SHORT if short else body)
    return Message(" ".join(_filled(title, facts).split()), _filled(body, facts).strip())


def _filled(text: str, facts: Mapping[str, str]) -> str:
    known = {name: str(facts.get(name, "")) for name in NAMES}
    lines = []
    for line in text.split("\n"):
        names = [first or second for first, second in _FIELD.findall(line.replace("$$", ""))]
        if names and not any(known.get(name) for name in names):
            continue
        lines.append(Template(line).safe_substitute(known).rstrip())
    return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Told:
    """One notice on its way into a digest."""

    alert_id: int | None
    what: str
    severity: str
    facts: Mapping[str, str]


def digest(told: Sequence[Told], plant: str, link: str) -> Message:
    """Many notices as one: how many alerts and how bad, the worst of them by name, how many have ended since.

    `told` is in the order in which it happened; of each alert the last word counts.
    """
    last = {one.alert_id if one.alert_id is not None else -index: one for index, one in enumerate(told, 1)}
    ended = [one for one in last.values() if one.what == "ended"]
    answered = [one for one in last.values() if one.what == "acknowledged"]
    still = [one for one in last.values() if one.what not in ("ended", "acknowledged")]
    still.sort(key=lambda one: SEVERITIES.index(one.severity) if one.severity in SEVERITIES else len(SEVERITIES))
    counts = Counter(one.severity for one in still)
    parts = [f"{counts[severity]} {severity}" for severity in SEVERITIES if counts[severity]]
    parts += [f"{len(answered)} acknowledged"] if answered else []
    parts += [f"{len(ended)} ended"] if ended else []
    number = f"{len(last)} alert{'' if len(last) == 1 else 's'}"
    lines = [f"{len(told)} notices came in a short time; this is all of them in one.", ""]
    lines += [_line(one) for one in still[:WORST_NAMED]]
    if len(still) > WORST_NAMED:
        lines.append(f"and {len(still) - WORST_NAMED} more")
    lines += [f"Ended: {_names(ended)}"] if ended else []
    lines += [f"Acknowledged: {_names(answered)}"] if answered else []
    lines += ["", link] if link else []
    return Message(f"{number} at {plant}: {', '.join(parts)}", "\n".join(lines).strip())


def _line(one: Told) -> str:
    facts = one.facts
    value = f" ({facts['value']})" if facts.get("value") else ""
    since = f", since {facts['since']}" if facts.get("since") else ""
    return f"{one.severity.capitalize()}: {facts.get('device', '')}, {facts.get('message', '')}{value}{since}"


def _names(some: Sequence[Told]) -> str:
    shown = [f"{one.facts.get('device', '')}, {one.facts.get('message', '')}" for one in some[:WORST_NAMED]]
    more = f" and {len(some) - WORST_NAMED} more" if len(some) > WORST_NAMED else ""
    return "; ".join(shown) + more


def lasted(seconds: float) -> str:
    """`45 s`, `12 min`, `3 h 5 min`, `2 d 4 h`."""
    whole = max(int(seconds), 0)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min"
    if whole < 86_400:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86_400} d {whole % 86_400 // 3600} h"


def as_bad_as(severity: str, least: str) -> bool:
    """Whether a severity is `least` or worse."""
    return SEVERITIES.index(severity) <= SEVERITIES.index(least) if severity in SEVERITIES else True
