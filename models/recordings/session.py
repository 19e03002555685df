"""What every recording session offers, whether it is the organisers' folder or a packed one."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.metrics import response_precision
from models.recordings.folds import Bits
from models.recordings.layout import TEST_TIERS, read_array

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Session(ABC):
    """One recording session: one mouse, one field of view, N neurons.

    Trials are known by their file ids; only those with a video count. Reading raises RecordingError.
    """

    path: Path

    @property
    def name(self) -> str:
        """The folder's name, which is what submissions call the mouse."""
        return self.path.name

    @cached_property
    def tiers(self) -> dict[int, str]:
        """The tier of every trial that has a video, by file id, in ascending order of id."""
        return self._read_tiers()

    @abstractmethod
    def _read_tiers(self) -> dict[int, str]: ...

    @abstractmethod
    def length(self, trial: int) -> int:
        """Valid frames of a trial: those before the padding with NaN starts."""

    @abstractmethod
    def video(self, trial: int) -> Array:
        """(T, H, W) grey values 0..255 of the valid frames."""

    @abstractmethod
    def behaviour(self, trial: int) -> Array:
        """(4, T) pupil dilation, running speed, pupil centre horizontal and vertical."""

    @abstractmethod
    def responses(self, trial: int) -> Array | None:
        """(N, T) responses of the valid frames, raw units, clamped at 0; None where there are none.

        None means that they are missing or withheld. Values a little below zero (down to about
        -3e-7) come from the deconvolution.
        """

    @abstractmethod
    def has_responses(self, trial: int) -> bool:
        """Whether the responses of a trial are there and not withheld."""

    @abstractmethod
    def withholds_responses(self, trial: int) -> bool:
        """Whether zeros stand for the responses of a trial of a test tier."""

    @abstractmethod
    def film(self, trial: int) -> Bits:
        """The perceptual hash of a trial's film."""

    def trials(self, tiers: str | Sequence[str]) -> list[int]:
        """File ids of the trials of these tiers, ascending."""
        wanted = {tiers} if isinstance(tiers, str) else set(tiers)
        return [trial for trial, tier in self.tiers.items() if tier in wanted]

    @property
    def withholds(self) -> bool:
        """Whether responses of a test tier are withheld, judged by its first trial."""
        return any(self.withholds_responses(trial) for trial in self.trials(TEST_TIERS)[:1])

    @cached_property
    def unit_ids(self) -> npt.NDArray[np.int64]:
        """(N,) ids of the neurons in the order of every array; not contiguous."""
        return self._meta("neurons/unit_ids.npy").astype(np.int64)

    @property
    def neurons(self) -> int:
        """N."""
        return len(self.unit_ids)

    @cached_property
    def coordinates(self) -> Array:
        """(N, 3) positions of the neurons in micrometres."""
        return self._meta("neurons/cell_motor_coordinates.npy").astype(np.float32)

    def statistic(self, kind: str, name: str) -> npt.NDArray[np.float64]:
        """One of the organisers' statistics over the train tier; the time axis is T or 1."""
        return self._meta(f"statistics/{kind}/all/{name}.npy").astype(np.float64)

    @cached_property
    def precision(self) -> npt.NDArray[np.float64]:
        """(N, T or 1) what the server's truth is multiplied with; computed once for all who ask."""
        return response_precision(self.statistic("responses", "std"))

    @cached_property
    def digest(self) -> str:
        """Hexadecimal digits that change with the name, neurons, trials, tiers or statistics."""
        digest = hashlib.sha256()
        tiers = ",".join(f"{trial}:{tier}" for trial, tier in self.tiers.items())
        digest.update(f"{self.name}|{tiers}|".encode())
        digest.update(self.unit_ids.tobytes())
        for kind in ("responses", "behavior"):
            digest.update(np.ascontiguousarray(self.statistic(kind, "std")).tobytes())
        return digest.hexdigest()

    def _meta(self, name: str) -> npt.NDArray[np.generic]:
        """An array of the session's folder meta/, which both forms have."""
        return read_array(self.path / "meta" / name)


def fingerprint(sessions: Sequence[Session]) -> str:
    """Twelve hexadecimal digits that change with the mice, their neurons, trials or statistics."""
    return hashlib.sha256("".join(session.digest for session in sessions).encode()).hexdigest()[:12]
