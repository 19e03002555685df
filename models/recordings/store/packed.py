"""A packed session: the same answers as the organisers' folder, from mapped files.

What is read is checked against the checksums of packing: files when they are read, a trial's rows of
an array once in a process, when they are first used.
"""

import zlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from models.errors import RecordingError
from models.recordings.arrays import Arrays
from models.recordings.folds import Bits, as_bits
from models.recordings.session import Array, Session
from models.recordings.store.folders import (
    ARRAYS,
    BEHAVIOUR,
    META,
    MOMENTS,
    RESPONSES,
    SOURCE,
    VIDEOS,
)
from models.recordings.store.header import (
    Header,
    PackedTrial,
    Place,
    pack_again,
    places_of,
    read_header,
)
from models.recordings.store.mapped import MappedArray
from models.recordings.store.source import Marks, read_marks


@dataclass(frozen=True)
class PackedSession(Session):
    """See the module's docstring."""

    @cached_property
    def header(self) -> Header:
        """What the session says of itself."""
        return read_header(self.path)

    @cached_property
    def source_marks(self) -> Marks:
        """The files that it was made of."""
        return read_marks(self.path / SOURCE, pack_again(self.path))

    @cached_property
    def digest(self) -> str:
        return self.header.digest

    @cached_property
    def places(self) -> dict[int, Place]:
        """Where each trial lies, by file id."""
        return places_of(self.header.trials)

    @cached_property
    def arrays(self) -> Arrays:
        """All trials end to end; a trial is checked by `look` before it is first used."""
        return Arrays(
            videos=self.mapped(VIDEOS).array,
            behaviour=self.mapped(BEHAVIOUR).array.astype(np.float32, copy=False),
            responses=self.mapped(RESPONSES).array,
            look=self.look,
            release=self.release,
        )

    def look(self, trial: int, *names: str) -> None:
        """Compare a trial's rows of these arrays, or of `ARRAYS`, with their checksums, once each.

        RecordingError where they differ.
        """
        checksums = self._trials[trial].checksums
        for name in names or ARRAYS:
            if name in checksums and (name, trial) not in self._looked_at:
                self._check_rows(name, trial, checksums[name])
                self._looked_at.add((name, trial))

    def mapped(self, name: str) -> MappedArray:
        """An array file, opened once; RecordingError where it is not the one that was packed."""
        if name not in self._maps:
            record = self.header.arrays[name]
            self._maps[name] = MappedArray(self.path / f"{name}.npy", record)
        return self._maps[name]

    def release(self) -> None:
        """Hand the pages of all arrays back to the system."""
        for mapped in self._maps.values():
            mapped.release()

    def moments(self, trial: int) -> npt.NDArray[np.float64]:
        """(2, N) mean and standard deviation of the responses in a trial whose responses are known."""
        moments: npt.NDArray[np.float64] = self._copied(MOMENTS, trial)[0].astype(np.float64)
        return moments

    def length(self, trial: int) -> int:
        return self.places[trial].length

    def video(self, trial: int) -> Array:
        return self._copied(VIDEOS, trial).astype(np.float32)

    def behaviour(self, trial: int) -> Array:
        return np.ascontiguousarray(self._copied(BEHAVIOUR, trial).T, dtype=np.float32)

    def responses(self, trial: int) -> Array | None:
        if not self.has_responses(trial):
            return None
        return np.ascontiguousarray(self._copied(RESPONSES, trial).T, dtype=np.float32)

    def has_responses(self, trial: int) -> bool:
        return self._trials[trial].responses == "known"

    def withholds_responses(self, trial: int) -> bool:
        return self._trials[trial].responses == "withheld"

    def film(self, trial: int) -> Bits:
        return as_bits(self._trials[trial].film)

    def _read_tiers(self) -> dict[int, str]:
        return {trial.number: trial.tier for trial in self.header.trials}

    def _meta(self, name: str) -> npt.NDArray[np.generic]:
        self.check_file(f"{META}/{name}")
        return super()._meta(name)

    def _copied(self, name: str, trial: int) -> npt.NDArray[np.generic]:
        """A trial's rows of an array, checked; the process stays as small as one trial."""
        self.look(trial, name)
        rows = self._rows(name, trial).copy()
        self.mapped(name).release()
        return rows

    def _rows(self, name: str, trial: int) -> npt.NDArray[np.generic]:
        return self.mapped(name).array[self.places[trial].rows(name)]

    def _check_rows(self, name: str, trial: int, checksum: int) -> None:
        if zlib.crc32(self._rows(name, trial).data) != checksum:
            path = self.path / f"{name}.npy"
            message = f"{path} is damaged in trial {trial}: its checksum does not fit"
            raise RecordingError(message, pack_again(self.path))

    @cached_property
    def _trials(self) -> dict[int, PackedTrial]:
        return {trial.number: trial for trial in self.header.trials}

    @cached_property
    def _maps(self) -> dict[str, MappedArray]:
        return {}

    @cached_property
    def _looked_at(self) -> set[tuple[str, int]]:
        return set()

    def check_file(self, name: str) -> None:
        """Raise RecordingError where a file is not the one that was packed."""
        path, record = self.path / name, self.header.files.get(name)
        try:
            content = path.read_bytes()
        except OSError as error:
            reason = "is missing" if isinstance(error, FileNotFoundError) else "cannot be read"
            raise RecordingError(f"{path} {reason}", pack_again(self.path)) from error
        if record is None or len(content) != record.size or zlib.crc32(content) != record.checksum:
            message = f"{path} is damaged: its checksum does not fit its content"
            raise RecordingError(message, pack_again(self.path))
