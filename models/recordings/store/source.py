"""The files that a session is packed from, known again by their sizes and times."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from models.errors import RecordingError
from models.recordings.store.sealed import read_sealed, write_sealed

SHOWN = 3
"""Changed files that a message names."""


class Marks(BaseModel):
    """Size and time of last change (nanoseconds) of each file, by path within the session."""

    model_config = ConfigDict(frozen=True)

    path: str
    """Where the session lay."""
    files: dict[str, tuple[int, int]]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(size for size, _ in self.files.values())


def marks_of(session: Path, parts: Sequence[str] = ("data", "meta")) -> Marks:
    """The files of a session as they are now."""
    found = (entry for part in parts for entry in _files(session / part))
    files = {}
    for entry in found:
        status = _status(entry)
        files[os.path.relpath(entry.path, session)] = (status.st_size, status.st_mtime_ns)
    return Marks(path=str(session), files=dict(sorted(files.items())))


def changed_files(before: Marks, now: Marks) -> list[str]:
    """Files that are new, gone or others, in the order of their names."""
    return sorted({name for name, _ in before.files.items() ^ now.files.items()})


def check_unchanged(before: Marks, session: Path) -> None:
    """RecordingError where the files of a session are not those that it was packed from."""
    changed = changed_files(before, marks_of(session))
    if changed:
        named = ", ".join(changed[:SHOWN]) + (", ..." if len(changed) > SHOWN else "")
        message = f"{session} has changed since it was packed: {len(changed)} files, {named}"
        remedy = "Pack it again: python -m models pack DATA --again."
        raise RecordingError(message, remedy)


def write_marks(path: Path, marks: Marks) -> None:
    """Write source.json, atomically."""
    write_sealed(path, marks.model_dump(mode="json"))


def read_marks(path: Path, remedy: str) -> Marks:
    """Read source.json. Raises RecordingError with `remedy`."""
    try:
        return Marks.model_validate(read_sealed(path, remedy))
    except ValidationError as error:
        raise RecordingError(f"{path} is damaged: {error.errors()[0]['msg']}", remedy) from error


def _status(entry: os.DirEntry[str]) -> os.stat_result:
    """Of what a link leads to; of the link itself where that is gone, so that reading it tells."""
    try:
        return entry.stat()
    except FileNotFoundError:
        return entry.stat(follow_symlinks=False)


def _files(folder: Path) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                yield from _files(Path(entry.path))
            elif not entry.name.startswith("."):
                yield entry
