"""A CSV file as a test writes it, and what is read of it."""

from pathlib import Path

from dashapp.ingest.csv_format import CsvFormat, guess_format
from dashapp.ingest.csv_rows import Chunk, read_chunks

HEADER = "time;a;b\n"
GOOD = "2024-01-01 00:00:00;1.5;2\n2024-01-01 00:00:01;1.6;3\n"


def read(
    path: Path, content: str | bytes, *, zone: str = "UTC", rows: int = 20_000, fmt: CsvFormat | None = None
) -> list[Chunk]:
    """The chunks of a file with this content, in a format that is guessed where none is given."""
    path = path / "export.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(read_chunks(path, fmt or guess_format(path.read_bytes(), zone=zone), rows=rows))


def one(path: Path, content: str | bytes, *, zone: str = "UTC", fmt: CsvFormat | None = None) -> Chunk:
    """The only chunk."""
    (chunk,) = read(path, content, zone=zone, fmt=fmt)
    return chunk


def times(chunk: Chunk) -> list[str]:
    """As ISO 8601 in UTC, fractions only where there are any."""
    return [str(time).removesuffix(".000000") for time in chunk.time_us.astype("datetime64[us]")]


def refusals(chunk: Chunk) -> list[tuple[int, str]]:
    """(line, field) of each."""
    return [(refused.line, refused.field) for refused in chunk.refused]
