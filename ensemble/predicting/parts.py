"""Parts of a job: a few trials of one mouse each, and the files in which finished ones wait.

    <out>/unchecked/parts/<key>/<tier>/<mouse>/<first trial>-<last trial>.npz

Which trials are a part's depends on the recordings alone, so that scores, which are joined part after
part, have the same bits whoever made the parts and when.
"""

import itertools
import os
import shutil
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from ensemble.tally import Tally
from models.files import replacing
from models.metrics import LAST_FRAME
from models.recordings.session import Session

PART_BYTES = 64_000_000
"""Of a part's predictions in float64."""
MALFORMED = (ValueError, TypeError, OSError, EOFError, LookupError, zipfile.BadZipFile)
"""What numpy raises for an archive that is cut short, damaged, or something else."""
_TRIALS, _VALUES = "trials", "values of "


@dataclass(frozen=True)
class Part:
    """Some trials of a tier of a mouse."""

    tier: str
    mouse: str
    trials: tuple[int, ...]
    """Ascending, without a gap among the tier's."""

    def __str__(self) -> str:
        return f"{self.tier}/{self.mouse}/{self.trials[0]}-{self.trials[-1]}"


@dataclass(frozen=True)
class Finished:
    """What a part came to."""

    values: Mapping[int, npt.NDArray[np.floating]]
    """By trial, (N, F) of its row; nothing of a tier that is not written."""
    tally: Tally
    """Of its evaluated trials."""


def parts_of(tiers: Iterable[str], sessions: Iterable[Session]) -> Iterator[Part]:
    """The parts of all trials, tier by tier, mouse by mouse."""
    for tier, session in itertools.product(tiers, list(sessions)):
        size = trials_at_once(session.neurons)
        trials = session.trials(tier)
        for first in range(0, len(trials), size):
            yield Part(tier, session.name, tuple(trials[first : first + size]))


def trials_at_once(neurons: int) -> int:
    """Trials of a part."""
    return max(PART_BYTES // (neurons * LAST_FRAME * np.dtype(np.float64).itemsize), 1)


class PartFolder:
    """The finished parts of one job, in a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        """Named by the job's key, in the folder of all jobs' parts."""

    def prepare(self) -> list[str]:
        """Be there, and remove what other jobs, and killed processes, have left; the others' keys."""
        self.path.mkdir(parents=True, exist_ok=True)
        others = [other for other in self.path.parent.glob("*") if other != self.path]
        for other in others:
            shutil.rmtree(other)
        for abandoned in self.path.glob("*/*/.*"):
            abandoned.unlink(missing_ok=True)
        return [other.name for other in others]

    def write(self, part: Part, finished: Finished) -> None:
        """Keep a finished part; a file is there only once it is whole."""
        with replacing(self._file(part)) as temporary, temporary.open("wb") as file:
            save(file, part, finished)

    def read(self, part: Part) -> Finished | None:
        """A finished part; None where there is none, or only a damaged one."""
        try:
            with self._file(part).open("rb") as file, np.load(file) as archive:
                arrays = {name: archive[name] for name in archive.files}
                if arrays.pop(_TRIALS).tolist() != [*part.trials]:
                    return None
                names = [name for name in arrays if name.startswith(_VALUES)]
                values = {int(name.removeprefix(_VALUES)): arrays.pop(name) for name in names}
                return Finished(values, Tally.of(arrays))
        except MALFORMED:
            return None

    def has(self, part: Part) -> bool:
        """Whether a part's file is seen here.

        Its folder is read for that: network file systems remember that a file was not there.
        """
        file = self._file(part)
        return file.parent.is_dir() and file.name in os.listdir(file.parent)  # noqa: PTH208

    def _file(self, part: Part) -> Path:
        return self.path / file_name(part)


def file_name(part: Part) -> str:
    """With the folders below that of the job."""
    return f"{part}.npz"


def save(file: IO[bytes], part: Part, finished: Finished) -> None:
    """Write what `PartFolder.read` reads."""
    arrays: dict[str, Any] = {_TRIALS: np.array(part.trials), **finished.tally.arrays()}
    arrays |= {f"{_VALUES}{trial}": each for trial, each in finished.values.items()}
    np.savez(file, **arrays)
