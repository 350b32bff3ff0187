"""Units as machines write them, and how one converts into another (SI and the factors of NIST SP 811)."""

from collections.abc import Callable

_ALIASES = {
    "c": "°C", "°c": "°C", "celsius": "°C", "degc": "°C", "deg c": "°C", "degrees celsius": "°C", "℃": "°C",
    "f": "°F", "°f": "°F", "fahrenheit": "°F", "degf": "°F", "deg f": "°F", "k": "K", "kelvin": "K",
    "psi": "psi", "bar": "bar", "mbar": "mbar", "kpa": "kPa", "pa": "Pa", "mpa": "MPa",
    "hz": "Hz", "hertz": "Hz", "rpm": "rpm", "1/min": "rpm",
    "%": "%", "percent": "%", "pct": "%",
    "mm/s": "mm/s", "m/s": "m/s", "in/s": "in/s",
    "units/h": "units/h", "units/hour": "units/h", "units/min": "units/min", "pcs/h": "units/h",
    "a": "A", "ma": "mA", "v": "V", "mv": "mV", "w": "W", "kw": "kW", "l/min": "l/min", "l/h": "l/h", "m3/h": "m³/h", "m³/h": "m³/h",
    "mm": "mm", "cm": "cm", "m": "m", "in": "in", "g": "g", "kg": "kg", "s": "s", "ms": "ms", "min": "min", "h": "h",
    "wh": "Wh", "kwh": "kWh", "m3": "m³", "m³": "m³", "l": "l",
    "units": "units", "pcs": "units", "count": "units",
}  # fmt: skip

# unit → (quantity, factor to the base unit, offset added before the factor)
_SCALE: dict[str, tuple[str, float, float]] = {
    "°C": ("temperature", 1.0, 273.15), "K": ("temperature", 1.0, 0.0), "°F": ("temperature", 5 / 9, 459.67),
    "Pa": ("pressure", 1.0, 0), "kPa": ("pressure", 1e3, 0), "MPa": ("pressure", 1e6, 0), "mbar": ("pressure", 100.0, 0),
    "bar": ("pressure", 1e5, 0), "psi": ("pressure", 6894.757293168361, 0),
    "Hz": ("frequency", 1.0, 0), "rpm": ("frequency", 1 / 60, 0),
    "m/s": ("speed", 1.0, 0), "mm/s": ("speed", 1e-3, 0), "in/s": ("speed", 0.0254, 0),
    "units/h": ("rate", 1.0, 0), "units/min": ("rate", 60.0, 0),
    "A": ("current", 1.0, 0), "mA": ("current", 1e-3, 0), "V": ("voltage", 1.0, 0), "mV": ("voltage", 1e-3, 0),
    "W": ("power", 1.0, 0), "kW": ("power", 1e3, 0),
    "l/h": ("flow", 1.0, 0), "l/min": ("flow", 60.0, 0), "m³/h": ("flow", 1e3, 0),
    "Wh": ("energy", 1.0, 0), "kWh": ("energy", 1e3, 0), "MWh": ("energy", 1e6, 0), "l": ("volume", 1.0, 0), "m³": ("volume", 1e3, 0),
    "mm": ("length", 1e-3, 0), "cm": ("length", 1e-2, 0), "m": ("length", 1.0, 0), "in": ("length", 0.0254, 0),
    "g": ("mass", 1e-3, 0), "kg": ("mass", 1.0, 0),
    "ms": ("time", 1e-3, 0), "s": ("time", 1.0, 0), "min": ("time", 60.0, 0), "h": ("time", 3600.0, 0),
}  # fmt: skip


def known_units() -> list[str]:
    """Units that convert into another one, for what people type."""
    return sorted(_SCALE)


def affine(given: str, wanted: str) -> tuple[float, float] | None:
    """(factor, offset) of `wanted = given * factor + offset`, factor > 0; None where they do not convert into each other."""
    source, target = canonical(given), canonical(wanted)
    if source == target:
        return 1.0, 0.0
    if source not in _SCALE or target not in _SCALE or _SCALE[source][0] != _SCALE[target][0]:
        return None
    _, factor, offset = _SCALE[source]
    _, target_factor, target_offset = _SCALE[target]
    ratio = float(f"{factor / target_factor:.15g}")  # 1.8, not 1.7999999999999998
    return ratio, round(offset * ratio - target_offset, 9)


def canonical(unit: str) -> str:
    """The unit as Andon writes it: `celsius` → `°C`; one that is not known stays as it is."""
    stripped = unit.strip()
    return _ALIASES.get(stripped.lower(), stripped)


def converter(given: str, wanted: str) -> Callable[[float], float] | None:
    """A function from values in `given` to values in `wanted`; None where they do not convert into each other."""
    how = affine(given, wanted)
    if how is None:
        return None
    factor, offset = how
    return lambda value: value * factor + offset
