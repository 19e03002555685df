"""What one trial's array holds: its shape, its valid frames and its values.

All of every array is read. Frames are the last axis on disk, so a single frame of a video touches
every page of its file, and looking at some frames only would read as much.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.recordings.checks.arrays import Numbers, open_numbers
from models.recordings.checks.findings import Findings
from models.recordings.layout import HEIGHT, WIDTH

SHAPES = {
    "videos": f"must be {HEIGHT} high, {WIDTH} wide, and last in time: ({HEIGHT}, {WIDTH}, T)",
    "responses": "must have a row for every neuron of unit_ids.npy, and be last in time: (N, T)",
    "behavior": "must have two rows, pupil dilation and running speed, last in time: (2, T)",
    "pupil_center": "must have two rows, horizontal and vertical, last in time: (2, T)",
}
SOME_FRAMES = "must have at least one frame that is not NaN"
NO_GAPS = "must hold a number everywhere before the NaN padding at the end"
FINITE = "must hold no infinite value"
GREY = "must hold grey values from 0 to 255"
NOT_BELOW = "should not fall below zero (values below are cut to zero for training)"

NOISE = -1e-3
"""Deconvolution leaves values down to about -3e-7 below zero; what is meant lies far below this."""


@dataclass(frozen=True)
class Contents:
    """What was seen in one array."""

    kind: str
    path: Path
    type: str
    rows: int
    """Its first axis: N for responses."""
    frames: int
    """T."""
    end: int | None
    """Valid frames: up to the last that is not wholly NaN. None for integers, which know no NaN."""
    low: float
    high: float
    """Range of what is not NaN; NaN where there is no frame."""

    @property
    def silent(self) -> bool:
        """Whether every value is zero."""
        return self.low == self.high == 0


def look_at(kind: str, path: Path, neurons: int | None, findings: Findings) -> Contents | None:
    """Read and check one array of a trial; None, with a finding, where it cannot be used.

    `neurons` is None while N is unknown.
    """
    array = open_numbers(path, findings)
    if array is None:
        return None
    if not _has_shape(kind, array.shape, neurons):
        wanted = f" for {neurons} neurons" if neurons and kind == "responses" else ""
        findings.problem(path, SHAPES[kind], f"shape {array.shape}{wanted}")
        return None
    if not array.size:
        findings.problem(path, SOME_FRAMES, "no frame at all")
        return None
    contents = _contents(kind, path, np.asarray(array), findings)
    _check_range(contents, findings)
    return contents


def _has_shape(kind: str, shape: tuple[int, ...], neurons: int | None) -> bool:
    if kind == "videos":
        return len(shape) == 3 and shape[:2] == (HEIGHT, WIDTH)
    rows = {neurons} if kind == "responses" else {2}
    return len(shape) == 2 and shape[0] > 0 and (rows == {None} or shape[0] in rows)


def _contents(kind: str, path: Path, array: Numbers, findings: Findings) -> Contents:
    frames = array.shape[-1]
    values = array.reshape(-1, frames)
    if values.dtype == np.float16:
        values = values.astype(np.float32)  # comparing half floats is slower than converting them
    end = frames
    if values.dtype.kind == "f":
        end = _valid_frames(path, np.isnan(values), findings)
    if not end:
        findings.problem(path, SOME_FRAMES, f"{frames} frames of NaN")
    valid = values[:, :end]
    low, high = (np.nanmin(valid), np.nanmax(valid)) if end else (np.nan, np.nan)
    told = None if array.dtype.kind != "f" else end
    rows = array.shape[0]
    return Contents(kind, path, str(array.dtype), rows, frames, told, float(low), float(high))


def _valid_frames(path: Path, missing: Numbers, findings: Findings) -> int:
    """Frames before the padding; `missing` is (values of a frame, T), true for NaN."""
    whole = np.asarray(missing.all(axis=0))
    end = 0 if whole.all() else len(whole) - int(np.argmin(whole[::-1]))
    gaps = np.asarray(missing[:, :end].any(axis=0))
    if gaps.any():
        found = (
            f"NaN in {int(gaps.sum())} of {end} frames, the first of them {int(np.argmax(gaps))}"
        )
        findings.problem(path, NO_GAPS, found)
    return end


def _check_range(contents: Contents, findings: Findings) -> None:
    values = f"{contents.low:g} to {contents.high:g}"
    if np.isinf([contents.low, contents.high]).any():
        findings.problem(contents.path, FINITE, values)
    elif contents.kind == "videos" and (contents.low < 0 or contents.high > 255):
        findings.problem(contents.path, GREY, values)
    elif contents.kind == "responses" and contents.low < NOISE:
        findings.warning(contents.path, NOT_BELOW, f"{contents.low:g}")
