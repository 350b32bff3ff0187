"""Bytes → text: which encoding a file is in, told by its first bytes."""

import codecs
import re
from pathlib import Path

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16: its mark begins with that of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
ENCODINGS = (
    "utf-8", "utf-8-sig", "cp1252", "latin-1", "iso8859-15", "cp1250", "cp850", "utf-16", "utf-16-le", "utf-16-be", "utf-32",
    "shift_jis", "gb18030",
)  # fmt: skip
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f]")
_NOT_TEXT = (
    (b"PK\x03\x04", "an Excel workbook or another ZIP archive; save the sheet as CSV"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook; save the sheet as CSV"),
    (b"\x1f\x8b", "compressed by gzip; unpack it first"),
    (b"PAR1", "a Parquet file; export it as CSV"),
    (b"%PDF", "a PDF"),
)


class CsvError(Exception):
    """A file that cannot be understood as a whole. `field` names what is missing or wrong, `reason` says what was found
    and expected.
    """

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


def decode(sample: bytes, encoding: str | None = None) -> tuple[str, str]:
    """The sample as text (without byte order mark, a cut last character left out) and its encoding, a Python codec.

    A byte order mark decides; else NULs in every other place mean UTF-16; else what is valid UTF-8 is; else it is
    Windows-1252 where it uses that code's own signs, else Latin-1. `encoding` is somebody's own word for it. Raises CsvError("file", …)
    for what is no text.
    """
    if not sample.strip():
        raise CsvError("file", "it is empty; expected a header and rows of times and values")
    for start, what in _NOT_TEXT:
        if sample.startswith(start):
            raise CsvError("file", f"this is no CSV file but {what}")
    encoding = encoding or _guess(sample)
    if encoding not in ENCODINGS:
        raise CsvError("encoding", f"“{encoding[:40]}” is not an encoding known here; expected one such as utf-8 or cp1252")
    try:
        text = codecs.getincrementaldecoder(encoding)("replace").decode(sample, final=False)
    except UnicodeError as error:  # UTF-16 without its mark
        raise CsvError("encoding", f"this is no {encoding}: {error}") from None
    if text.count("\0") > len(text) // 100:
        raise CsvError("file", "this is no text: it is full of NUL bytes")
    if len(_CONTROLS.findall(text)) > len(text) // 50:
        raise CsvError("file", "this is no text: it is full of control characters")
    return text, encoding


def _guess(sample: bytes) -> str:
    for mark, encoding in _MARKS:
        if sample.startswith(mark):
            return encoding
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    if max(even, odd) > 0.3 * (len(sample) // 2) and min(even, odd) < 0.05 * len(sample):
        return "utf-16-le" if odd > even else "utf-16-be"
    text = codecs.getincrementaldecoder("utf-8")("replace").decode(sample, final=False)
    broken = text.count("\ufffd")
    if not broken or sum(char > "\x7f" for char in text) > 2 * broken:  # one bad byte does not make it Latin-1
        return "utf-8"
    own = {byte for byte in sample if 0x80 <= byte < 0xA0}
    return "cp1252" if own and not own & {0x81, 0x8D, 0x8F, 0x90, 0x9D} else "latin-1"


def raw_encoding(path: Path, encoding: str) -> str:
    """The codec that turns text of a file back into the bytes it has there: `encoding` without its byte order mark."""
    if encoding == "utf-8-sig":
        return "utf-8"
    if encoding not in ("utf-16", "utf-32"):
        return encoding
    with path.open("rb") as file:
        big = file.read(4).startswith((codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE))
    return f"{encoding}-{'be' if big else 'le'}"
