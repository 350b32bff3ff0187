"""What a column's name says: the key of its sensor and its unit. Pure text, no I/O."""

import re
import unicodedata
from collections.abc import Container, Iterable

KEY_LENGTH = 64  # longest sensor key, in characters


def words(text: str) -> frozenset[str]:
    """The words of a text, as a set to look things up in."""
    return frozenset(text.split())


# Units as written in exports (lower case, without blanks) → as shown. Found in brackets; some at a name's end.
_SPELLINGS = {
    "c": "°C", "°c": "°C", "degc": "°C", "celsius": "°C", "gradc": "°C",
    "f": "°F", "°f": "°F", "degf": "°F", "fahrenheit": "°F",
    "pct": "%", "percent": "%", "prozent": "%", "l/min": "l/min", "lpm": "l/min", "l/h": "l/h", "l/s": "l/s",
    "sm3": "Sm³", "nm3": "Nm³", "m3/h": "m³/h", "nm3/h": "Nm³/h", "m3": "m³", "m2": "m²",
    "m/s2": "m/s²", "m/s^2": "m/s²", "mm_s": "mm/s", "m_s": "m/s",
    "m3_h": "m³/h", "l_min": "l/min", "ohm": "Ω", "um": "µm", "kwh": "kWh", "mwh": "MWh", "kw": "kW", "kva": "kVA",
    "kvar": "kvar",     "hz": "Hz", "khz": "kHz", "kpa": "kPa", "hpa": "hPa", "db": "dB", "rpm": "rpm",
}  # fmt: skip
# One word that is a unit when it stands in brackets, alone or combined by / * · as in kg/h.
_ATOMS = words(
    "% ‰ ppm ppb ° °C °F K s ms us µs min h d bar mbar Pa hPa kPa MPa psi psig psia atm torr Torr mmHg inHg V mV kV A "
    "mA kA µA W kW MW GW VA kVA MVA var kvar Wh kWh MWh J kJ MJ GJ Hz kHz MHz GHz rpm U/min 1/min m mm cm km µm nm in "
    "ft inch mil g kg mg t lb lbs oz N kN Nm kNm L l mL ml m³ m² cm³ cm3 mm² mm2 gal gpm cfm scfm Nm³ Sm³ dB dBA lx "
    "lm cd pH Ω ohm kΩ MΩ mS µS S rad deg s² s2 s^2 min⁻¹ pcs pc units unit count counts Stk imp rev B kB MB GB mol "
    "VDC VAC Ah mAh T mT"
)
# Endings that are a unit even without brackets; single letters are left out: "phase_a" is no current.
_ENDINGS = (
    "degc", "degf", "celsius", "fahrenheit", "pct", "percent", "bar", "mbar", "psi", "kpa", "hpa", "rpm",
    "kw", "kwh", "mwh", "kva",
    "hz", "khz", "mm_s", "mm/s", "m3_h", "m3/h", "l_min", "l/min", "lpm", "ppm", "%", "°c", "°f",
)  # fmt: skip
_BRACKETED = re.compile(r"\s*(?:\[([^\[\]]*)\]|\(([^()]*)\)|\{([^{}]*)\})\s*$")
_ENDING = re.compile(
    r"^(.*[^\W_].*?)(?:_+|\s+|\s*(?=[%°]))(" + "|".join(map(re.escape, _ENDINGS)) + r")\s*$", re.IGNORECASE
)
_GERMAN = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss", "µ": "u", "μ": "u"}
)
# A capital starts a word after small letters or a digit (RateRMS, Accelerometer1RMS; not pH, kWh), or where a small
# one follows (RMSRate).
_WORD_EDGE = re.compile(r"(?<=[A-Za-z0-9][a-z])(?=[A-Z])|(?<=[0-9])(?=[A-Z]{2}|[A-Z][a-z])|(?<=[A-Z])(?=[A-Z][a-z])")
_GENERIC = re.compile(
    r"(?:data|daten|export|import|values?|werte|csv|file|readings?|download|history|historian|output|result|test|new|"
    r"untitled|unnamed|sheet|tabelle|table|tmp|upload|sample|report|dump|copy|final|log|trend|timeseries|"
    r"[0-9a-f]{12,}|\d+|v\d+)",
)


def as_unit(text: str) -> str | None:
    """`text` in its usual spelling when it is a unit of measure ("degC" → "°C", "kg/h" → "kg/h"), else None."""
    text = text.strip()
    if text in _ATOMS:
        return text
    if (spelling := _SPELLINGS.get(re.sub(r"\s+", "", text).lower())) is not None:
        return spelling
    parts = [part for part in re.split(r"[/*·\s]+", text) if part]
    if 2 <= len(parts) <= 4 and all(part in _ATOMS or part == "1" or part.lower() in _SPELLINGS for part in parts):
        return text
    return None


def _split(name: str) -> tuple[str, str | None]:
    """The name without its unit, and the unit."""
    name = name.strip()
    if (found := _BRACKETED.search(name)) is not None:
        inside = next(group for group in found.groups() if group is not None)
        if (unit := as_unit(inside)) is not None:
            return name[: found.start()], unit
        return name, None
    if (found := _ENDING.match(name)) is not None:
        return found[1], as_unit(found[2].replace("_", "/")) or as_unit(found[2])
    return name, None


def unit_of(name: str) -> str | None:
    """The unit in a column's name: "Temp [°C]" → "°C", "p (bar)" → "bar", "oil_degC" → "°C"; None where there is none.
    """
    return _split(name)[1]


def slug(text: str) -> str:
    """`text` in small letters, digits and single underscores; accents dropped, ä → ae. May be empty."""
    plain = unicodedata.normalize("NFKD", text.translate(_GERMAN))
    plain = unicodedata.normalize("NFC", "".join(c for c in plain if not unicodedata.combining(c)))
    return re.sub(r"[\W_]+", "_", _WORD_EDGE.sub("_", plain)).strip("_").lower()


def sensor_key(name: str) -> str:
    """The key that a column's name gives its sensor: its words in small letters, without the unit; at most 64
    characters.

    "Volume Flow RateRMS" → "volume_flow_rate_rms", "Temp [°C]" → "temp". Never empty: a name without a letter or digit
    gives "sensor". Two names may give one key; `unique` tells them apart within a file.
    """
    return slug(_split(name)[0])[:KEY_LENGTH].strip("_") or slug(name)[:KEY_LENGTH].strip("_") or "sensor"


def unique(key: str, taken: Container[str]) -> str:
    """`key`, or `key_2`, `key_3` … when it is among `taken`; at most 64 characters."""
    candidate, number = key, 1
    while candidate in taken:
        number += 1
        candidate = f"{key[: KEY_LENGTH - len(str(number)) - 1]}_{number}"
    return candidate


def key_of_file(file_name: str) -> str | None:
    """The sensor key in a file's name: "machine_temperature_system_failure.csv" → its stem; None where it says nothing
    ("export (3).csv").
    """
    stem = re.split(r"[\\/]", file_name)[-1].rsplit(".", 1)[0]
    key = slug(stem)[:KEY_LENGTH].strip("_")
    says = [word for word in key.split("_") if not _GENERIC.fullmatch(word)]
    return key if any(len(word) > 1 and not word.isdigit() for word in says) else None


def header_names(cells: Iterable[str]) -> tuple[str, ...]:
    """The columns' names: stripped, "column_3" where empty, "Temp (2)" where a name comes again."""
    names: dict[str, None] = {}
    for number, cell in enumerate(cells, start=1):
        name = cell.strip() or f"column_{number}"
        again = 2
        base = name
        while name in names:
            name, again = f"{base} ({again})", again + 1
        names[name] = None
    return tuple(names)
