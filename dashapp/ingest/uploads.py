"""Files that wait to be imported: in `uploads/` under the data folder, by a name of our own."""

import logging
import re
import secrets
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from dashapp.settings import Settings

log = logging.getLogger("andon.imports")
PIECE = 1 << 20
SPARE_BYTES = 500_000_000  # what a file must leave free on the disk: the database lives there too
NAME = re.compile(r"[0-9a-f]{32}\.csv")


class UploadRefused(Exception):
    """The file is not taken; `status` is HTTP's number."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


def folder(settings: Settings) -> Path:
    """Where they are; made where it is missing."""
    path = settings.data_dir / "uploads"
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path


def path_of(settings: Settings, upload: str | None) -> Path | None:
    """The file of this name; None where this server does not have it."""
    if upload is None or not NAME.fullmatch(upload):
        return None
    path = folder(settings) / upload
    return path if path.is_file() else None


def check_room(settings: Settings, size: int) -> None:
    """Raises UploadRefused for a file that is empty, too large, or does not fit on the disk."""
    if size <= 0:
        raise UploadRefused(422, "The file is empty.")
    if size > settings.upload_bytes:
        raise UploadRefused(413, f"The file has {size / 1e6:,.0f} MB; at most {settings.upload_bytes / 1e6:,.0f} MB are taken.")
    if shutil.disk_usage(folder(settings)).free < size + SPARE_BYTES:
        raise UploadRefused(507, "There is not enough room on the server's disk for this file.")


def receive(settings: Settings, read: Callable[[int], bytes], size: int) -> str:
    """Writes `size` bytes that `read` gives to a new file; its name. What does not come whole is removed. Raises UploadRefused."""
    name = secrets.token_hex(16) + ".csv"
    part = folder(settings) / (name + ".part")
    got = 0
    try:
        with part.open("xb") as file:
            while got < size and (piece := read(min(PIECE, size - got))):
                file.write(piece)
                got += len(piece)
        if got != size:
            raise UploadRefused(400, "The connection ended before the whole file was here. Send it again.")
        part.rename(folder(settings) / name)
    finally:
        part.unlink(missing_ok=True)
    return name


def remove(settings: Settings, upload: str | None) -> None:
    """Removes a file, where this server has it."""
    if upload is not None and NAME.fullmatch(upload):
        (folder(settings) / upload).unlink(missing_ok=True)


def tidy(settings: Settings, kept: set[str], *, older_than_s: float) -> list[str]:
    """Removes files that belong to no import, and what uploads and checks left behind; the names."""
    gone = []
    for path in folder(settings).iterdir():
        try:
            if path.name in kept or time.time() - path.stat().st_mtime < older_than_s:
                continue
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()
            gone.append(path.name)
        except FileNotFoundError:
            continue
    if gone:
        log.info("removed %d files that were left behind", len(gone))
    return gone
