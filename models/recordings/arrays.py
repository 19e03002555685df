"""Recorded arrays as training holds them: time first, trials end to end, in few bytes.

Grey values are bytes where that loses nothing, else half floats; responses are half floats (a
relative error below 0.0005) unless they are asked for exactly, or too large for half floats.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch

from models.errors import RecordingError
from models.recordings.session import Session

Numbers = npt.NDArray[np.generic]


class Look(Protocol):
    """Looks at a trial, by its file id, before its rows of the named, or of all, arrays are used."""

    def __call__(self, trial: int, *names: str) -> None:
        """Raise RecordingError where they are damaged."""


@dataclass(frozen=True)
class Arrays:
    """Trials of one session, end to end: F frames of all trials, R of those with responses."""

    videos: Numbers  # (F, H, W) uint8 or float16
    behaviour: npt.NDArray[np.float32]  # (F, 4)
    responses: Numbers  # (R, N) float16 or float32
    look: Look = lambda trial, *names: None  # noqa: ARG005
    """Called before a trial is first used; may refuse it."""
    release: Callable[[], None] = lambda: None
    """Hands pages of mapped files back to the system, which keeps them as long as it likes."""


@dataclass(frozen=True)
class TrialArrays:
    """One trial as it is held."""

    video: Numbers  # (T, H, W) uint8 or float16
    behaviour: npt.NDArray[np.float32]  # (T, 4)
    responses: Numbers | None  # (T, N) float16 or float32; None where they are not known
    moments: npt.NDArray[np.float64] | None = None  # (2, N) of the responses

    @property
    def parts(self) -> dict[str, Numbers]:
        """The arrays by the names that they have in `Arrays`."""
        parts: dict[str, Numbers] = {"videos": self.video, "behaviour": self.behaviour}
        return parts if self.responses is None else {**parts, "responses": self.responses}


def held(session: Session, trial: int, exact: bool = False) -> TrialArrays:
    """Read one trial into the form it is held in; a trial without a valid frame is a RecordingError.

    With `exact` responses stay float32.
    """
    behaviour = np.ascontiguousarray(session.behaviour(trial).T)
    if not len(behaviour):
        message = f"trial {trial} of {session.path} has no valid frame"
        raise RecordingError(message, f"Run 'python -m models check {session.path}'.")
    responses = session.responses(trial)
    video = held_video(session.video(trial))
    if responses is None:
        return TrialArrays(video, behaviour, None)
    turned = held_responses(responses, exact)
    return TrialArrays(video, behaviour, turned, moments(turned))


def held_video(video: npt.NDArray[np.float32]) -> Numbers:
    """(T, H, W) as bytes where these hold every value, else half floats, else as it is."""
    frames = torch.from_numpy(video)
    whole = frames.to(torch.uint8)
    if torch.equal(whole.float(), frames):  # False for NaN, fractions, and what is out of range
        return whole.numpy()
    return _halved(frames)


def held_responses(responses: npt.NDArray[np.float32], exact: bool = False) -> Numbers:
    """(T, N) from (N, T)."""
    values = responses if exact else _halved(torch.from_numpy(responses))
    return np.ascontiguousarray(values.T)


def _halved(values: torch.Tensor) -> Numbers:
    """Half floats; as it is where a value is too large for one."""
    half = values.half()
    if torch.isfinite(torch.stack(half.aminmax())).all():  # the usual case, at once
        return half.numpy()
    too_large = (torch.isinf(half) & ~torch.isinf(values)).any()
    kept: Numbers = (values if too_large else half).numpy()
    return kept


def joined(trials: Sequence[TrialArrays], neurons: int) -> Arrays:
    """Trials end to end in memory; each array has the least type that holds all of its trials."""
    known = [trial.responses for trial in trials if trial.responses is not None]
    nothing = np.empty((0, neurons), np.float16)
    return Arrays(
        videos=np.concatenate([trial.video for trial in trials]),
        behaviour=np.concatenate([trial.behaviour for trial in trials]),
        responses=np.concatenate([nothing, *known]),
    )


def moments(responses: Numbers) -> npt.NDArray[np.float64]:
    """(2, N) mean and standard deviation of each neuron over the frames of (T, N)."""
    values = torch.from_numpy(responses).double()
    mean = values.mean(dim=0)
    deviation = values.sub_(mean).square_().mean(dim=0).sqrt_()
    return torch.stack([mean, deviation]).numpy()


def pooled(
    per_trial: Iterable[npt.NDArray[np.float64]], lengths: Iterable[int]
) -> npt.NDArray[np.float64]:
    """(2, N) mean and standard deviation over all frames, from (2, N) of each trial and its length."""
    frames, total, squares = 0, np.float64(0.0), np.float64(0.0)
    for (mean, deviation), length in zip(per_trial, lengths, strict=True):
        frames += length
        total = total + length * mean
        squares = squares + length * (deviation**2 + mean**2)
    mean = total / frames
    return np.stack([mean, np.sqrt(np.maximum(squares / frames - mean**2, 0))])
