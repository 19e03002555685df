"""A run's copy in the store, kept by the worker that trains it: what outlasts the worker's machine.

    <run>/writer     in the run's folder and in the store: who has copied to the store last

Where both say the same, the folder is as far as the store, or further. Otherwise the folder is a
remnant, and the run goes on from the store's state. Files are copied in the order in which they were
written, so that the store is always in a state in which a killed process might have left the folder.
"""

import contextlib
import secrets
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import tenacity

from models.bringing import store_of
from models.errors import RunError, StorageError
from models.files import write_bytes
from models.runs import CHECKPOINT, CONFIG, METRICS, PREDICTIONS, STATUS, WEIGHTS

WRITER = "writer"
LARGE = (CHECKPOINT, WEIGHTS)
FILES = (CONFIG, *LARGE, METRICS)
"""Beside the predictions and the status."""
BEGINNING = 300.0
"""Seconds for which a store that is away is tried again before a run."""
PAUSING = 45.0
"""The same for a run that pauses: the cloud may take its machine two minutes after it was asked."""
ENDING = 600.0
"""The same for a run that is complete."""
Stamp = tuple[int, int]
"""When a file was written, in nanoseconds, and its bytes."""


def persistently(seconds: float, action: Callable[[], None]) -> None:
    """Try again for so long while the store is away, then raise StorageError."""
    tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(StorageError),
        stop=tenacity.stop_after_delay(seconds),
        wait=tenacity.wait_exponential(max=20),
        sleep=time.sleep,
        reraise=True,
    )(action)


class Mirror:
    """One run's folder and its copy; without a store nothing is done."""

    def __init__(self, run: Path) -> None:
        self.run, self.remote = run, store_of(run)
        self._mark = ""
        """What says that this folder is the last that was copied."""
        self._copied: dict[str, Stamp] = {}
        self._tried: Stamp | None = None
        """The checkpoint that was there when it was last to be copied within an epoch."""

    def take(self) -> None:
        """Make the folder the one that is copied, with all that the store has of the run.

        Raises StorageError where the store is away.
        """
        if self.remote is not None:
            persistently(BEGINNING, self._take)

    def save(self) -> None:
        """Copy what has changed; where the store is away that waits for the next time.

        Raises RunError where another folder has taken the run.
        """
        with contextlib.suppress(StorageError):
            self._save()

    def save_checkpoint(self) -> None:
        """As `save`, once for each checkpoint; without one it is quick: it is asked after every step."""
        path = self.run / CHECKPOINT
        if self.remote is None or not path.exists():
            return
        found = _stamp(path)
        if found not in (self._tried, self._copied.get(CHECKPOINT)):
            self._tried = found
            self.save()

    def save_before_pause(self) -> None:
        """As `save`, but a store that is away is tried again for a while."""
        with contextlib.suppress(StorageError):
            persistently(PAUSING, self._save)

    def save_all(self) -> None:
        """Copy what has changed. Raises StorageError where the store stays away, RunError as `save`."""
        persistently(ENDING, self._save)

    def drop(self) -> None:
        """Remove what is large here, if the store has all: the disk of a worker is not the home."""
        if self.remote is None or not self._mark or self._changed():
            return
        (self.run / WRITER).unlink(missing_ok=True)  # first: without it the rest is a remnant
        for name in LARGE:
            (self.run / name).unlink(missing_ok=True)
        shutil.rmtree(self.run / PREDICTIONS, ignore_errors=True)

    def _take(self) -> None:
        assert self.remote is not None
        last = (self.remote.read(WRITER) or b"").decode()
        if last and last == writer_of(self.run):
            self._mark = last
            return
        clear(self.run)
        names = [name for name in self.remote.sizes() if _belongs(name)]
        self.remote.download(self.run, names)
        self._copied = {name: _stamp(self.run / name) for name in names}
        self._mark = secrets.token_hex(8)
        self.remote.write(WRITER, self._mark.encode())
        write_bytes(self.run / WRITER, self._mark.encode())

    def _save(self) -> None:
        if self.remote is None or not self._mark:
            return
        if (self.remote.read(WRITER) or b"").decode() != self._mark:
            message = f"{self.remote} was taken over by another process"
            raise RunError(message, "That one goes on with it.")
        if not (self.run / STATUS).exists():
            self.remote.remove(STATUS)  # a run that goes on has withdrawn how it had ended
        for name, stamp in self._changed().items():
            self.remote.upload(self.run, [name])
            self._copied[name] = stamp

    def _changed(self) -> dict[str, Stamp]:
        """The files that the store does not have like this, in the order to copy them."""
        here = {name: _stamp(self.run / name) for name in _names(self.run)}
        changed = [name for name, stamp in here.items() if self._copied.get(name) != stamp]
        changed.sort(key=lambda name: (name == STATUS, here[name][0]))
        return {name: here[name] for name in changed}


def clear(run: Path) -> None:
    """Remove what another folder has gone on from, or what is of a search that is no more."""
    for name in (WRITER, STATUS, *FILES):
        (run / name).unlink(missing_ok=True)
    shutil.rmtree(run / PREDICTIONS, ignore_errors=True)


def writer_of(run: Path) -> str:
    """Who copied this folder to the store last; '' where it is no worker's."""
    with contextlib.suppress(FileNotFoundError):
        return (run / WRITER).read_text()
    return ""


def _belongs(name: str) -> bool:
    return name in (*FILES, STATUS) or name.startswith(f"{PREDICTIONS}/")


def _names(run: Path) -> list[str]:
    """What there is of a run."""
    predictions = sorted(
        f"{PREDICTIONS}/{path.name}"
        for path in (run / PREDICTIONS).glob("[!.]*")  # no half ones
    )
    return [*(name for name in (*FILES, STATUS) if (run / name).is_file()), *predictions]


def _stamp(path: Path) -> Stamp:
    found = path.stat()
    return found.st_mtime_ns, found.st_size
