"""The organisers' statistics over the train tier, `meta/statistics/<kind>/all/<name>.npy`."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.metrics import LAST_FRAME
from models.recordings.checks.arrays import Numbers, is_there, open_numbers
from models.recordings.checks.findings import Findings
from models.recordings.layout import HEIGHT, KINDS, STATISTICS, WIDTH

NEEDED = frozenset(
    [
        *[("videos", "mean"), ("videos", "std"), ("pupil_center", "mean"), ("pupil_center", "std")],
        *[("behavior", "std"), ("responses", "std")],
    ]
)
"""What the organisers' loader reads; a submission's values need ("responses", "std") too."""

SHAPE = "must have the shape of the data, with the session's number of frames or 1 in time"
SOME_VALUE = "must hold a value: not all may be NaN"
FINITE = "must hold no infinite value"
VARIES = "must be above zero somewhere: values are divided by it"
NOT_NEGATIVE = "must not be negative: it is a standard deviation"
EVERY_FRAME = "must hold a value for every neuron in every frame that the train trials reach"
SILENT = "should be above zero for every neuron: one that never varies scores nothing"
RECOMPUTE = "Take the statistics from the published archive, or compute them from the train tier."


@dataclass(frozen=True)
class Axes:
    """What is known of the axes of a session's data; None where it is not."""

    neurons: int | None
    frames: int | None
    train_frames: int
    """Valid frames of the longest train trial."""


def check_statistics(session: Path, axes: Axes, findings: Findings) -> None:
    """Check the statistics that are needed, and the shapes of the others where they are there."""
    for kind in KINDS:
        for name in STATISTICS:
            path = session / f"meta/statistics/{kind}/all/{name}.npy"
            if (kind, name) in NEEDED or is_there(path):
                _check_file(path, kind, name, axes, findings)


def _check_file(path: Path, kind: str, name: str, axes: Axes, findings: Findings) -> None:
    array = open_numbers(path, findings)
    if array is None:
        return
    if not _has_shape(kind, array.shape, axes):
        wanted = f"{axes.neurons or '?'} neurons, {axes.frames or '?'} frames"
        findings.problem(path, SHAPE, f"shape {array.shape} beside {wanted}", RECOMPUTE)
        return
    values = np.asarray(array)
    if np.isnan(values).all():
        findings.problem(path, SOME_VALUE, "NaN only", RECOMPUTE)
    elif np.isinf(values).any():
        findings.problem(path, FINITE, f"{int(np.isinf(values).sum())} of them", RECOMPUTE)
    elif name == "std":
        _check_std(path, values, findings)
        if kind == "responses":
            _check_precision(path, values, axes, findings)


def _has_shape(kind: str, shape: tuple[int, ...], axes: Axes) -> bool:
    """An unknown axis fits any number but none."""
    rows = (HEIGHT, WIDTH) if kind == "videos" else (axes.neurons if kind == "responses" else 2,)
    if len(shape) != len(rows) + 1 or 0 in shape:
        return False
    in_time = axes.frames is None or shape[-1] in (1, axes.frames)
    return in_time and all(
        wanted in (None, got) for wanted, got in zip(rows, shape[:-1], strict=True)
    )


def _check_std(path: Path, std: Numbers, findings: Findings) -> None:
    if (std < 0).any():
        findings.problem(path, NOT_NEGATIVE, f"{np.nanmin(std):g}", RECOMPUTE)
    elif not (std > 0).any():
        findings.problem(path, VARIES, "zeros only", RECOMPUTE)


def _check_precision(path: Path, std: Numbers, axes: Axes, findings: Findings) -> None:
    """(N, T or 1) that the values of a submission are divided by.

    Statistics end where the train trials end; a NaN before that would blow a value up a
    hundredfold.
    """
    reached = 1 if std.shape[1] == 1 else min(LAST_FRAME, axes.train_frames)
    lost = np.isnan(std[:, :reached])
    if lost.any():
        found = f"NaN for {int(lost.any(axis=1).sum())} neurons, from frame "
        first = int(np.argmax(lost.any(axis=0)))
        findings.problem(path, EVERY_FRAME, f"{found}{first}", RECOMPUTE)
    silent = int((~(std > 0).any(axis=1) & ~lost.any(axis=1)).sum())
    if 0 < silent < len(std):
        findings.warning(path, SILENT, f"{silent} of {len(std)} neurons that never vary")
