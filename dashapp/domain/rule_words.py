"""A rule in one sentence, for people: what it watches, when it raises an alert, when the alert ends."""

from dashapp.domain.alarm_words import number
from dashapp.domain.rule_settings import LONGEST_DELAY_S, RuleSettings, RuleType


def sentence(settings: RuleSettings, name: str, unit: str = "") -> str:
    """`High when Temperature is above 90 °C for 10 s; ends at 85 °C or below.` `name` is the sensor's."""
    if settings.type is RuleType.EXTERNAL:
        return "Another system raises it."
    raises = "; ".join(_raises(settings, name, unit)) or "Nothing yet: give it a limit"
    ends = _ends(settings, unit)
    parts = [raises, *([f"ends {ends}"] if ends else [])]
    text = "; ".join(parts) + "."
    if settings.latch:
        text += " Stays until somebody resets it."
    when = settings.suppress_when
    if when is not None:
        relation = "is" if when.relation == "equal" else f"is {when.relation}"
        text += f" Nobody is told while {when.sensor} {relation} {number(when.value)}."
    return text


def delay(seconds: float) -> str:
    """`10 s`, `5 min`, `1.5 h`."""
    for size, word in ((3600.0, "h"), (60.0, "min")):
        if seconds >= size and seconds <= LONGEST_DELAY_S and (seconds / size * 2).is_integer():
            return f"{seconds / size:g}\u202f{word}"
    return f"{seconds:g}\u202fs"


def hours(length: float) -> str:
    """`30 min`, `8 h`, `7 d`."""
    return delay(length * 3600) if length < 48 or length % 24 else f"{length / 24:g}\u202fd"


def _raises(settings: RuleSettings, name: str, unit: str) -> list[str]:
    held = f" for {delay(settings.on_delay_s)}" if settings.on_delay_s else ""
    word = settings.severity.value.capitalize()
    if settings.type is RuleType.FAULT:
        return [f"{word} when {name} is on{held}"]
    if settings.type is RuleType.OFFLINE:
        later = f", and {delay(settings.on_delay_s)} more" if settings.on_delay_s else ""
        return [f"{word} when nothing has come for 30\u202fs or three periods{later}"]
    if settings.type is RuleType.ANOMALY:
        learned = f"the {hours(settings.learn_h)} that were learned, {settings.sensitivity} sensitivity"
        return [f"{word} when {name} behaves unlike {learned}{held}"]
    if settings.type is RuleType.TREND:
        ways = [f"{side} {number(at, unit)}" for side, at in (("above", settings.high), ("below", settings.low)) if at is not None]
        ahead = f"within {hours(settings.within_h)}, by the last {hours(settings.look_back_h)}{held}"
        return [f"{word} when {name} is on its way {' or '.join(ways)} {ahead}"] if ways else []
    if settings.type is RuleType.RATE:
        return [] if settings.rate is None else [f"{word} when {name} changes faster than {number(settings.rate, unit)} per second{held}"]
    found: list[str] = []
    for at, relation, severity in (
        (settings.high, "above", settings.severity), (settings.high_high, "above", settings.high_high_severity),
        (settings.low, "below", settings.severity), (settings.low_low, "below", settings.low_low_severity),
    ):  # fmt: skip
        if at is not None:
            first = severity.value if found else severity.value.capitalize()
            found.append(f"{first} when {'it' if found else name} is {relation} {number(at, unit)}{held}")
    return found


def _ends(settings: RuleSettings, unit: str) -> str:
    held = f" for {delay(settings.off_delay_s)}" if settings.off_delay_s else ""
    if settings.type is RuleType.THRESHOLD:
        high = settings.high if settings.high is not None else settings.high_high
        low = settings.low if settings.low is not None else settings.low_low
        parts = [f"at {number(high - settings.deadband, unit)} or below"] if high is not None else []
        parts += [f"at {number(low + settings.deadband, unit)} or above"] if low is not None else []
        return " and ".join(parts) + held if parts else ""
    if settings.type is RuleType.RATE and settings.rate is not None:
        return f"at {number(settings.rate - settings.deadband, unit)} per second or slower{held}"
    if settings.type is RuleType.FAULT:
        return f"when it is off{held}"
    if settings.type is RuleType.ANOMALY:
        return f"when it behaves as before{held}"
    if settings.type is RuleType.TREND:
        return f"when it is not any more{held}"
    return f"when something comes{held}" if settings.type is RuleType.OFFLINE else ""
