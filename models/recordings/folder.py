"""A session's folder as the organisers publish it, read trial by trial.

Axis order on disk is (height, width, time) for videos and (neurons or channels, time) for the rest;
here time comes first for videos, (T, H, W), and last for everything else, (N, T) and (2, T).
Irregularities that are the rule in the published data are read through, not complained about:
any integer or float dtype, NaN after the valid frames, a T of its own per session, gaps in the trial
ids, `none` tiers, missing responses, and all-zero responses where the organisers withhold them.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.errors import RecordingError
from models.recordings.arrays import held_video
from models.recordings.folds import Bits, film_hash
from models.recordings.layout import TEST_TIERS, file_ids, read_array, valid_frames
from models.recordings.session import Array, Session


@dataclass(frozen=True)
class SessionFolder(Session):
    """See the module's docstring."""

    def _read_tiers(self) -> dict[int, str]:
        per_id = self._meta("trials/tiers.npy")
        if per_id.dtype.kind != "U":
            message = f"{self.path}/meta/trials/tiers.npy holds {per_id.dtype}, not unicode strings"
            raise RecordingError(message, self._check_all)
        ids = file_ids(self.path / "data/videos")
        return {trial: str(per_id[trial]) for trial in ids if trial < len(per_id)}

    @cached_property
    def _films(self) -> dict[int, Bits]:
        return {}

    @cached_property
    def _lengths(self) -> dict[int, int]:
        return {}

    def length(self, trial: int) -> int:
        if trial not in self._lengths:
            self._lengths[trial] = valid_frames(self._read("behavior", trial))
        return self._lengths[trial]

    def video(self, trial: int) -> Array:
        video = self._valid("videos", trial)
        return np.ascontiguousarray(video.transpose(2, 0, 1), dtype=np.float32)

    def behaviour(self, trial: int) -> Array:
        rows = [self._valid(kind, trial) for kind in ("behavior", "pupil_center")]
        return np.concatenate(rows).astype(np.float32)

    def responses(self, trial: int) -> Array | None:
        if not self.file("responses", trial).exists():
            return None
        stored = self._valid("responses", trial)
        if self.tiers[trial] in TEST_TIERS and not _any_response(stored):
            return None
        valid = stored.astype(np.float32)
        return np.maximum(valid, 0, out=valid)

    def has_responses(self, trial: int) -> bool:
        return self.file("responses", trial).exists() and not self.withholds_responses(trial)

    def withholds_responses(self, trial: int) -> bool:
        if self.tiers[trial] not in TEST_TIERS or not self.file("responses", trial).exists():
            return False
        return not _any_response(self._valid("responses", trial))

    def film(self, trial: int) -> Bits:
        if trial not in self._films:
            self._films[trial] = self._hashed(trial)
        return self._films[trial]

    def _hashed(self, trial: int) -> Bits:
        video = self.video(trial)
        if not len(video):
            raise RecordingError(
                f"trial {trial} of {self.path} has no valid frame", self._check_all
            )
        return film_hash(held_video(video))

    def file(self, kind: str, trial: int) -> Path:
        """Where the array of one kind of one trial lies."""
        return self.path / f"data/{kind}/{trial}.npy"

    def _valid(self, kind: str, trial: int) -> npt.NDArray[np.generic]:
        """The valid frames of one kind of array, time last."""
        array, length = self._read(kind, trial), self.length(trial)
        if array.shape[-1] < length:
            message = (
                f"{self.file(kind, trial)} has {array.shape[-1]} frames; behavior has {length}"
            )
            raise RecordingError(message, self._check_all)
        return array[..., :length]

    def _read(self, kind: str, trial: int) -> npt.NDArray[np.generic]:
        array, path = read_array(self.file(kind, trial)), self.file(kind, trial)
        if array.dtype.kind not in "iuf":
            raise RecordingError(f"{path} holds {array.dtype}, not numbers", self._check_all)
        rows = self._rows(kind, array.shape[:-1])
        if array.ndim != (3 if kind == "videos" else 2) or array.shape[:-1] != rows:
            wanted = ", ".join(map(str, rows if len(rows) != 0 else ("height", "width")))
            message = f"{path} has the shape {array.shape} instead of ({wanted}, T)"
            raise RecordingError(message, self._check_all)
        return array

    def _rows(self, kind: str, found: tuple[int, ...]) -> tuple[int, ...]:
        """The axes before time that all arrays of a kind have; of videos those of the first read."""
        if kind == "videos":
            return self._frame_size.setdefault(kind, found)
        return (self.neurons,) if kind == "responses" else (2,)

    @cached_property
    def _frame_size(self) -> dict[str, tuple[int, ...]]:
        return {}

    @property
    def _check_all(self) -> str:
        return f"Run 'python -m models check {self.path}' for all problems."


def _any_response(stored: npt.NDArray[np.generic]) -> bool:
    """Whether anything but zeros and missing values is there."""
    return bool(np.nan_to_num(stored).any())
