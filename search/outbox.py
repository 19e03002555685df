"""Records on their way to MLflow: first on disk, then delivered in order, however long that takes.

    <search>/outbox.jsonl     a record a line, in the order in which things happened
    <search>/outbox.sent      how many of them are delivered

A record may be delivered twice, when a process is killed between a delivery and the note of it: what
delivers must bear that.
"""

import contextlib
import json
import os
import threading
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Record = dict[str, Any]


class Outbox:
    """The records of one search; one process at a time."""

    def __init__(self, folder: Path) -> None:
        self._path, self._note = folder / "outbox.jsonl", folder / "outbox.sent"
        lines = self._whole_lines()
        self.sent = min(_number(self._note), len(lines))
        self._waiting = deque(json.loads(line) for line in lines[self.sent :])
        self._lock = threading.Lock()

    def put(self, record: Record) -> None:
        """Append a record. Raises OSError where the disk takes none of it."""
        line = (json.dumps(record) + "\n").encode()
        with self._lock:
            self._append(line)
            self._waiting.append(record)

    def oldest(self) -> Record | None:
        """The next record to deliver; None where all are delivered."""
        with self._lock:
            return self._waiting[0] if self._waiting else None

    def delivered(self) -> None:
        """The oldest record is delivered."""
        with self._lock:
            self._waiting.popleft()
            self.sent += 1
        self._write_note()

    def history(self) -> Iterator[Record]:
        """All records that were ever put, oldest first."""
        with self._path.open() as file:
            yield from map(json.loads, file)

    def send_again(self) -> None:
        """Let everything be delivered once more, from the first record on."""
        with self._lock:
            self.sent, self._waiting = 0, deque(self.history())
        self._write_note()

    @property
    def written(self) -> int:
        """How many records there are, delivered or not."""
        return self.sent + self.left

    @property
    def left(self) -> int:
        """How many records wait."""
        return len(self._waiting)

    def _append(self, line: bytes) -> None:
        """Append a line, all of it or nothing: a half one would spoil the next, too."""
        size = self._path.stat().st_size
        try:
            with self._path.open("ab") as file:
                file.write(line)
        except OSError:
            os.truncate(self._path, size)
            raise

    def _write_note(self) -> None:
        """Note how many are delivered, if the disk takes it.

        Not forced to the disk: where the note is lost, records go out twice, which is borne.
        """
        new = self._note.with_suffix(".new")
        with contextlib.suppress(OSError):
            new.write_text(str(self.sent))
            new.replace(self._note)

    def _whole_lines(self) -> list[str]:
        """The lines; the half one that a killed process may have left is cut off."""
        self._path.touch()
        content = self._path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            with self._path.open("rb+") as file:
                file.truncate(whole)
        return content[:whole].decode().splitlines()


def _number(path: Path) -> int:
    try:
        return int(path.read_text())
    except (FileNotFoundError, ValueError):
        return 0
