"""A search's own records as one file, so that they are of one moment: all that `resume` needs but runs.

    <store>/<search>/records.tar.gz    search.json, study.db, outbox.*, ledger/, confirm/*.json

The outbox only ever grows, and so tells which of two states of a search is the later one.
"""

import contextlib
import io
import sqlite3
import tarfile
from collections.abc import Iterator
from pathlib import Path

from models.files import write_bytes

RECORDS = "records.tar.gz"
STUDY = "study.db"
OUTBOX = "outbox.jsonl"
PATTERNS = (
    "search.json",
    "outbox.sent",  # before the outbox itself: what is noted as sent is in it
    OUTBOX,
    "ledger/*.json",
    "confirm/confirm.json",
    "confirm/*/dropped.json",
)
FAST = 1


def packed(folder: Path) -> bytes:
    """The records of a search; the study as of one moment, though it may be in use."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz", compresslevel=FAST) as archive:
        for name, data in _records(folder):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return content.getvalue()


def unpacked(content: bytes) -> dict[str, bytes]:
    """The content of each record by its name."""
    found = {}
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
        for entry in archive:
            file = archive.extractfile(entry)
            if file is not None:
                found[entry.name] = file.read()
    return found


def write_records(folder: Path, records: dict[str, bytes]) -> None:
    """Write records into a search's folder; search.json last, by which it is known as one."""
    for rest in folder.glob(f"{STUDY}-*"):
        rest.unlink()  # a killed process's journal would be played back into the new study
    for name in sorted(records, key=lambda name: name == "search.json"):
        write_bytes(folder / name, records[name])


def is_of_past(folder: Path, records: dict[str, bytes]) -> bool:
    """Whether the folder has gone on from records, or is as far: its outbox only ever grows."""
    return _outbox(folder).startswith(records.get(OUTBOX, b""))


def is_of_future(folder: Path, records: dict[str, bytes]) -> bool:
    """Whether records have gone on from what is in the folder, or are as far."""
    return records.get(OUTBOX, b"").startswith(_outbox(folder))


def _outbox(folder: Path) -> bytes:
    path = folder / OUTBOX
    return path.read_bytes() if path.is_file() else b""


def _records(folder: Path) -> Iterator[tuple[str, bytes]]:
    if (folder / STUDY).is_file():
        yield STUDY, _study(folder / STUDY)
    for pattern in PATTERNS:
        for path in sorted(folder.glob(pattern)):
            yield path.relative_to(folder).as_posix(), path.read_bytes()


def _study(path: Path) -> bytes:
    with (
        contextlib.closing(sqlite3.connect(path)) as source,
        contextlib.closing(sqlite3.connect(":memory:")) as copy,
    ):
        source.backup(copy)
        return copy.serialize()
