"""The folder of one recording session, read as the organisers publish it.

Axis order on disk is (height, width, time) for videos and (neurons or channels, time) for the rest;
here time comes first for videos, (T, H, W), and last for everything else, (N, T) and (2, T).
Irregularities that are the rule in the published data are read through, not complained about:
any integer or float dtype, NaN after the valid frames, a T of its own per session, gaps in the trial
ids, `none` tiers, missing responses, and all-zero responses where the organisers withhold them.
"""

import tokenize
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.errors import RecordingError
from models.metrics import response_precision

Array = npt.NDArray[np.float32]

HEIGHT, WIDTH = 36, 64
KINDS = ("videos", "responses", "behavior", "pupil_center")
STATISTICS = ("mean", "std", "min", "max", "median")
TRAIN_TIERS = ("train", "oracle")
MAIN_TIERS = ("live_test_main", "final_test_main")
BONUS_TIERS = ("live_test_bonus", "final_test_bonus")
TEST_TIERS = MAIN_TIERS + BONUS_TIERS
TIERS = (*TRAIN_TIERS, *TEST_TIERS, "none")
OLD_HASH = "8744edeac3b4d1ce16b680916b5267ce"
NEW_HASH = "9b4f6a1a067fe51e15306b9628efea20"
MALFORMED = (ValueError, EOFError, OSError, TypeError, SyntaxError, tokenize.TokenError)
"""What numpy raises for a .npy file whose header or content is damaged."""


def read_array(path: Path) -> npt.NDArray[np.generic]:
    """Read one .npy file; a missing, truncated or pickled one is a RecordingError that names it."""
    try:
        with path.open("rb") as file:
            array: npt.NDArray[np.generic] = np.lib.format.read_array(file, allow_pickle=False)
    except FileNotFoundError as error:
        raise RecordingError(f"{path} is missing", "Unpack the session again.") from error
    except MALFORMED as error:
        reason = str(error).splitlines()[0]
        message = f"{path} is not a readable array: {reason}"
        raise RecordingError(
            message, "Unpack the session again; the file may be cut short."
        ) from error
    return array


@dataclass(frozen=True)
class Session:
    """One recording session: one mouse, one field of view, N neurons."""

    path: Path

    @property
    def name(self) -> str:
        """The folder's name, which is what submissions call the mouse."""
        return self.path.name

    @cached_property
    def tiers(self) -> dict[int, str]:
        """The tier of every trial that has a video, by file id, in ascending order of id."""
        per_id = read_array(self.path / "meta/trials/tiers.npy")
        if per_id.dtype.kind != "U":
            message = f"{self.path}/meta/trials/tiers.npy holds {per_id.dtype}, not unicode strings"
            raise RecordingError(
                message, f"Run 'python -m models check {self.path}' for all problems."
            )
        return {trial: str(per_id[trial]) for trial in self._video_ids if trial < len(per_id)}

    def trials(self, tiers: str | Sequence[str]) -> list[int]:
        """File ids of the trials of these tiers, ascending."""
        wanted = {tiers} if isinstance(tiers, str) else set(tiers)
        return [trial for trial, tier in self.tiers.items() if tier in wanted]

    @cached_property
    def unit_ids(self) -> npt.NDArray[np.int64]:
        """(N,) ids of the neurons in the order of every array; not contiguous."""
        return read_array(self.path / "meta/neurons/unit_ids.npy").astype(np.int64)

    @property
    def neurons(self) -> int:
        """N."""
        return len(self.unit_ids)

    @cached_property
    def coordinates(self) -> Array:
        """(N, 3) positions of the neurons in micrometres."""
        return read_array(self.path / "meta/neurons/cell_motor_coordinates.npy").astype(np.float32)

    @cached_property
    def _lengths(self) -> dict[int, int]:
        return {}

    def length(self, trial: int) -> int:
        """Valid frames of a trial: those before the padding with NaN starts."""
        if trial not in self._lengths:
            self._lengths[trial] = valid_frames(self._read("behavior", trial))
        return self._lengths[trial]

    def video(self, trial: int) -> Array:
        """(T, H, W) grey values 0..255 of the valid frames."""
        video = self._read("videos", trial)[..., : self.length(trial)]
        return np.ascontiguousarray(video.transpose(2, 0, 1), dtype=np.float32)

    def responses(self, trial: int) -> Array | None:
        """(N, T) responses of the valid frames, raw units, clamped at 0; None where there are none.

        None means the file is missing or holds the zeros that stand for withheld responses.
        Values a little below zero (down to about -3e-7) come from the deconvolution.
        """
        if not self.has_responses(trial):
            return None
        responses = self._read("responses", trial)[:, : self.length(trial)].astype(np.float32)
        return np.maximum(responses, 0)

    def has_responses(self, trial: int) -> bool:
        """Whether the responses of a trial are there and not withheld."""
        if not self.file("responses", trial).exists():
            return False
        if self.tiers[trial] not in TEST_TIERS:
            return True
        return bool(np.nan_to_num(self._read("responses", trial)).any())

    @property
    def withholds(self) -> bool:
        """Whether responses of a test tier are withheld, judged by its first trial."""
        first = self.trials(TEST_TIERS)[:1]
        return any(self.file("responses", t).exists() and not self.has_responses(t) for t in first)

    def behaviour(self, trial: int) -> Array:
        """(4, T) pupil dilation, running speed, pupil centre horizontal and vertical."""
        rows = [
            self._read(kind, trial)[:, : self.length(trial)]
            for kind in ("behavior", "pupil_center")
        ]
        return np.concatenate(rows).astype(np.float32)

    def statistic(self, kind: str, name: str) -> npt.NDArray[np.float64]:
        """One of the organisers' statistics over the train tier; the time axis is T or 1."""
        return read_array(self.path / f"meta/statistics/{kind}/all/{name}.npy").astype(np.float64)

    @cached_property
    def precision(self) -> npt.NDArray[np.float64]:
        """(N, T or 1) what the server's truth is multiplied with; computed once for all who ask."""
        return response_precision(self.statistic("responses", "std"))

    def file(self, kind: str, trial: int) -> Path:
        """Where the array of one kind of one trial lies."""
        return self.path / f"data/{kind}/{trial}.npy"

    def _read(self, kind: str, trial: int) -> npt.NDArray[np.generic]:
        array = read_array(self.file(kind, trial))
        if array.dtype.kind not in "iuf":
            raise RecordingError(f"{self.file(kind, trial)} holds {array.dtype}, not numbers")
        return array

    @cached_property
    def _video_ids(self) -> list[int]:
        return file_ids(self.path / "data/videos")


def file_ids(folder: Path) -> list[int]:
    """The ids of the files <id>.npy in a folder, ascending; other files are passed over."""
    names = (file.stem for file in folder.glob("*.npy"))
    return sorted(int(name) for name in names if name.isdecimal() and name == str(int(name)))


def valid_frames(array: npt.NDArray[np.generic]) -> int:
    """Frames (last axis) up to the last one that is not wholly NaN."""
    frames: int = array.shape[-1]
    if array.dtype.kind != "f" or not frames:
        return frames
    missing = np.isnan(array.reshape(-1, array.shape[-1])).all(axis=0)
    return 0 if missing.all() else frames - int(np.argmin(missing[::-1]))


def is_session(path: Path) -> bool:
    """Whether a folder looks like one recording session."""
    return (path / "data").is_dir() and (path / "meta").is_dir()


def session_folders(data: Path) -> list[Path]:
    """The session folders of a data set: `data` itself, or those in it, by name."""
    if not data.is_dir():
        raise RecordingError(
            f"there is no folder {data}", "Give the folder that holds the sessions."
        )
    if is_session(data):
        return [data]
    return sorted(
        path for path in data.iterdir() if path.is_dir() and not path.name.startswith(".")
    )


def open_sessions(data: Path) -> list[Session]:
    """All sessions of a data set, by name; a folder without any is a RecordingError."""
    sessions = [Session(path.resolve()) for path in session_folders(data) if is_session(path)]
    if not sessions:
        message = f"{data} holds no recording: no folder in it has data/ and meta/"
        raise RecordingError(message, "Try 'python -m models synth DIR' for generated recordings.")
    return sessions


def scored_sessions(sessions: Sequence[Session]) -> list[Session]:
    """The sessions a submission is about: the five new mice where they are.

    In other data sets, those whose test responses are withheld, and all where none are.
    """
    new = [session for session in sessions if session.name.endswith(NEW_HASH)]
    return new or [session for session in sessions if session.withholds] or list(sessions)
