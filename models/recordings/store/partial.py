"""A session while it is being packed: a hidden folder that a later run continues.

    .<session>.partial/journal.jsonl    the settings, then a line a trial that is written

What the journal names is compared with its checksums before it is continued, so that a run that was
killed, or a machine that lost its power, costs at most the trials that were not yet on the disk.
"""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from models.errors import RecordingError
from models.files import write_bytes
from models.recordings.arrays import TrialArrays
from models.recordings.store.folders import BEHAVIOUR, MOMENTS, RESPONSES, VIDEOS
from models.recordings.store.growing import GrowingArray
from models.recordings.store.header import PackedArray, PackedTrial, places_of
from models.recordings.store.sealed import VERSION
from models.recordings.store.source import Marks

JOURNAL = "journal.jsonl"


class Settings(BaseModel):
    """What all trials of a session are packed with; the first line of the journal."""

    model_config = ConfigDict(frozen=True)

    version: int = VERSION
    marks: Marks
    """Of the source when packing began."""
    exact: bool
    neurons: int
    size: tuple[int, int]
    """Height and width of a frame."""
    videos: str
    """The type that holds every grey value so far."""
    responses: str


class TooNarrow(Exception):
    """A trial does not fit into the types that the session was begun with."""

    def __init__(self, videos: str, responses: str) -> None:
        super().__init__(videos, responses)
        self.videos, self.responses = videos, responses


class Partial:
    """The written trials of a session, and the files they are in."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        """Begin, or go on where a run with the same settings was left."""
        self.folder, self.settings = folder, settings
        folder.mkdir(parents=True, exist_ok=True)
        before = list(_journal(self.folder / JOURNAL, settings))
        self._arrays = self._opened(before)
        self.trials = self._intact(before)
        for name, array in self._arrays.items():
            array.cut(self._rows(name, self.trials))
        self._journal = self._rewritten()

    @property
    def records(self) -> dict[str, PackedArray]:
        """What the header says of the arrays."""
        return {name: array.record for name, array in self._arrays.items()}

    def add(self, trial: PackedTrial, arrays: TrialArrays) -> None:
        """Write one more trial. Raises TooNarrow; RecordingError for frames of another size."""
        self._check_size(trial.number, arrays.video.shape[1:])
        self._check_types(arrays)
        parts = arrays.parts
        if arrays.moments is not None:
            parts[MOMENTS] = arrays.moments[None]
        checksums = {name: self._arrays[name].append(part) for name, part in parts.items()}
        for array in self._arrays.values():
            array.flush()
        written = trial.model_copy(update={"checksums": checksums})
        self.trials.append(written)
        self._journal.write(written.model_dump_json() + "\n")
        self._journal.flush()

    def close(self) -> None:
        """Complete the arrays and wait until they are on the disk."""
        for array in self._arrays.values():
            array.close()
        self._journal.close()

    def clear(self) -> None:
        """Remove what a run that was killed at its end has left beside arrays and journal."""
        kept = {JOURNAL, *(array.path.name for array in self._arrays.values())}
        for path in (path for path in self.folder.iterdir() if path.name not in kept):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()

    def abandon(self) -> None:
        """Leave everything for a later run."""
        for array in self._arrays.values():
            array.abandon()
        self._journal.close()

    def _check_size(self, number: int, size: tuple[int, ...]) -> None:
        if size != self.settings.size:
            source, wanted = self.settings.marks.path, " x ".join(map(str, self.settings.size))
            found = " x ".join(map(str, size))
            message = f"{source}/data/videos/{number}.npy has frames of {found}, others of {wanted}"
            raise RecordingError(
                message, f"Run 'python -m models check {source}' for all problems."
            )

    def _check_types(self, arrays: TrialArrays) -> None:
        found = {name: part.dtype for name, part in arrays.parts.items()}
        wanted = {
            name: np.promote_types(found.get(name, own), own).str
            for name, own in ((VIDEOS, self.settings.videos), (RESPONSES, self.settings.responses))
        }
        if wanted != {VIDEOS: self.settings.videos, RESPONSES: self.settings.responses}:
            raise TooNarrow(wanted[VIDEOS], wanted[RESPONSES])

    def _opened(self, trials: Sequence[PackedTrial]) -> dict[str, GrowingArray]:
        settings = self.settings
        kinds: dict[str, tuple[str, tuple[int, ...]]] = {
            VIDEOS: (settings.videos, settings.size),
            BEHAVIOUR: ("<f4", (4,)),
            RESPONSES: (settings.responses, (settings.neurons,)),
            MOMENTS: ("<f8", (2, settings.neurons)),
        }
        return {
            name: GrowingArray(self.folder / f"{name}.npy", dtype, row, self._rows(name, trials))
            for name, (dtype, row) in kinds.items()
        }

    def _rows(self, name: str, trials: Sequence[PackedTrial]) -> int:
        """Rows of an array that these trials take, which begin with its first."""
        placed = places_of(trials)
        return max(
            (placed[t.number].rows(name).stop for t in trials if name in t.checksums), default=0
        )

    def _intact(self, trials: list[PackedTrial]) -> list[PackedTrial]:
        """The trials before the first one whose arrays are not as they were written."""
        placed = places_of(trials)
        for count, trial in enumerate(trials):
            rows = placed[trial.number].rows
            if any(self._arrays[n].checksum(rows(n)) != c for n, c in trial.checksums.items()):
                return trials[:count]
        return trials

    def _rewritten(self) -> IO[str]:
        """The journal of the intact trials, open for more; the old one is there until it is."""
        lines = [self.settings, *self.trials]
        content = "".join(line.model_dump_json() + "\n" for line in lines)
        write_bytes(self.folder / JOURNAL, content.encode())
        return (self.folder / JOURNAL).open("a")


def settings_of(folder: Path) -> Settings | None:
    """What an interrupted packing was begun with; None where there is none that can be continued."""
    try:
        with (folder / JOURNAL).open("rb") as journal:
            settings = Settings.model_validate_json(journal.readline())
    except (OSError, ValidationError):
        return None
    return settings if settings.version == VERSION else None


def remove(folder: Path) -> None:
    """Give up an interrupted packing."""
    shutil.rmtree(folder, ignore_errors=True)


def _journal(path: Path, settings: Settings) -> Iterator[PackedTrial]:
    """The trials of a journal with these settings, up to a line that was cut short.

    Lines are bytes: what a crash leaves behind the end need not be text.
    """
    if settings_of(path.parent) != settings:
        return
    with path.open("rb") as journal:
        journal.readline()
        for line in journal:
            try:
                yield PackedTrial.model_validate_json(line)
            except ValidationError:
                return
