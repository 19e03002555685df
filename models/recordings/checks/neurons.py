"""Unit ids and coordinates of a session's neurons."""

from pathlib import Path

import numpy as np

from models.recordings.checks.arrays import Numbers, open_numbers
from models.recordings.checks.findings import Findings, listed

UNIT_SHAPE = "must be one row of ids, one a neuron"
WHOLE = "must hold whole numbers: they are the neuron_ids of a submission"
NOT_NEGATIVE = "must hold no negative unit id"
UNIQUE = "must give every neuron a unit id of its own"
PLACES = "must have three coordinates for every neuron of unit_ids.npy"
FINITE_PLACES = "must give every neuron a position: no NaN, nothing infinite"
MEND = "Take this file from the published archive; its order is that of the responses."


def count_neurons(session: Path, findings: Findings) -> int | None:
    """N, from the unit ids or, where they cannot be read, from the coordinates."""
    folder = session / "meta/neurons"
    ids = _unit_ids(folder / "unit_ids.npy", findings)
    path = folder / "cell_motor_coordinates.npy"
    places = open_numbers(path, findings)
    if places is None:
        return None if ids is None else len(ids)
    _check_places(path, places, None if ids is None else len(ids), findings)
    if ids is not None:
        return len(ids)
    return len(places) if places.ndim == 2 else None


def _unit_ids(path: Path, findings: Findings) -> Numbers | None:
    ids = open_numbers(path, findings)
    if ids is None:
        return None
    if ids.ndim != 1 or not len(ids):
        findings.problem(path, UNIT_SHAPE, f"shape {ids.shape}", MEND)
        return None
    _check_ids(path, ids, findings)
    return ids


def _check_ids(path: Path, ids: Numbers, findings: Findings) -> None:
    broken = ids[~(np.isfinite(ids) & (ids == np.floor(ids)))]
    if len(broken):
        findings.problem(path, WHOLE, ", ".join(str(value) for value in broken[:3]), MEND)
        return
    if (ids < 0).any():
        findings.problem(path, NOT_NEGATIVE, listed([int(i) for i in ids[ids < 0]]), MEND)
    values, counts = np.unique(ids, return_counts=True)
    if (counts > 1).any():
        twice = listed([int(value) for value in values[counts > 1]])
        findings.problem(path, UNIQUE, f"more than once: {twice}", MEND)


def _check_places(path: Path, places: Numbers, neurons: int | None, findings: Findings) -> None:
    rows = neurons if neurons is not None or places.ndim != 2 else len(places)
    if places.shape != (rows, 3):
        wanted = "" if neurons is None else f" for {neurons} unit ids"
        findings.problem(path, PLACES, f"shape {places.shape}{wanted}", MEND)
    elif not np.isfinite(places).all():
        lost = ~np.isfinite(places).all(axis=1)
        findings.problem(path, FINITE_PLACES, f"none for {int(lost.sum())} neurons", MEND)
