"""Session folders with any mix of the irregularities that are allowed, for hypothesis to draw.

What is drawn is a small plan that prints well; `write` makes the folder that it describes.
"""

import dataclasses

import numpy as np
from hypothesis import strategies as st

from models.recordings.layout import KINDS, STATISTICS, TEST_TIERS, TIERS
from models.recordings.session import fingerprint
from tests.models.broken_sessions import save

NAME = "dynamic1-2-3-Video-abcd"
REALS = ("<f4", "<f8", ">f4", ">f8", "<f2", ">f2")
TYPES = (*REALS, "|u1", "|i1", "<i2", ">i2", "<u2", "<i4", ">i8", ">u4")
SIZES = ((2, 3), (5, 4), (1, 1), (36, 64))
ODDITIES = (
    "fractional grey values",
    "responses below zero",
    "large responses",
    "infinite responses",
    "missing responses within",
    "missing pixels within",
    "missing behaviour within",
)
TRIAL_ANSWERS = (
    *("length", "video", "behaviour", "responses"),
    *("has_responses", "withholds_responses", "film"),
)


@dataclasses.dataclass(frozen=True)
class Stored:
    """How one array lies on disk; integers have no padding, for they know no NaN."""

    dtype: str = "<f4"
    padding: int = 0
    fortran: bool = False


@dataclasses.dataclass(frozen=True)
class Trial:
    """One trial; `responses` are known, zeros or missing."""

    tier: str = "train"
    length: int = 9
    responses: str = "known"
    oddities: frozenset = frozenset()
    stored: tuple = (Stored(),) * len(KINDS)


@dataclasses.dataclass(frozen=True)
class Plan:
    """One session: its trials by file id, and what its statistics look like."""

    trials: dict
    neurons: int = 3
    size: tuple = (2, 3)
    frames: int = 1
    """The time axis of the statistics."""
    known_frames: int = 1
    """Those before the statistics are NaN."""
    statistics: str = "<f8"
    seed: int = 0


stored = st.builds(Stored, st.sampled_from(TYPES), st.sampled_from((0, 1, 6)), st.booleans())
trials = st.builds(
    Trial,
    tier=st.sampled_from(TIERS),
    length=st.integers(1, 40),
    responses=st.sampled_from(("known", "known", "zeros", "missing")),
    oddities=st.frozensets(st.sampled_from(ODDITIES), max_size=3),
    stored=st.tuples(*[stored] * len(KINDS)),
)


@st.composite
def plans(draw, most=4):
    """Any session of up to `most` trials."""
    frames = draw(st.sampled_from((1, 5, 30)))
    return Plan(
        trials=draw(st.dictionaries(st.integers(0, 11), trials, min_size=1, max_size=most)),
        neurons=draw(st.integers(1, 4)),
        size=draw(st.sampled_from(SIZES)),
        frames=frames,
        known_frames=draw(st.integers(1, frames)),
        statistics=draw(st.sampled_from(REALS)),
        seed=draw(st.integers(0, 1000)),
    )


def write(data, plan, name=NAME):
    """The folder of the session in the data set `data`; ids without a trial have the tier none."""
    folder, generator = data / name, np.random.default_rng(plan.seed)
    ids = range(max(plan.trials) + 1)
    tiers = [plan.trials[i].tier if i in plan.trials else "none" for i in ids]
    save(folder / "meta/trials/tiers.npy", np.array(tiers))
    save(folder / "meta/neurons/unit_ids.npy", 3 + 2 * np.arange(plan.neurons))
    places = generator.integers(-900, 900, (plan.neurons, 3)).astype(np.int32)
    save(folder / "meta/neurons/cell_motor_coordinates.npy", places)
    for kind in KINDS:
        (folder / "data" / kind).mkdir(parents=True)
        for name in STATISTICS:
            statistic = generator.uniform(1, 9, (*_rows(plan, kind), plan.frames))
            statistic[..., plan.known_frames :] = np.nan
            path = folder / f"meta/statistics/{kind}/all/{name}.npy"
            save(path, statistic.astype(plan.statistics))
    for number, trial in plan.trials.items():
        _write_trial(folder, number, trial, plan, generator)
    return folder


def _write_trial(folder, number, trial, plan, generator):
    for kind, how in zip(KINDS, trial.stored, strict=True):
        values = _values(kind, trial, _rows(plan, kind), generator)
        if kind == "responses" and trial.responses == "missing":
            continue
        if kind == "responses" and trial.responses == "zeros":
            content = np.zeros((plan.neurons, trial.length + how.padding), how.dtype)
        else:
            content = _as_stored(values, how)
        save(folder / f"data/{kind}/{number}.npy", content)


def _rows(plan, kind):
    return {"videos": plan.size, "responses": (plan.neurons,)}.get(kind, (2,))


def _values(kind, trial, rows, generator):
    """(..., T) valid frames, before any type is chosen."""
    values = np.floor(generator.uniform(0, 256, (*rows, trial.length)))
    odd, first = trial.oddities, (0,) * len(rows)
    if kind == "videos":
        if "fractional grey values" in odd:
            values += generator.uniform(-0.5, 0.5, values.shape)
        if "missing pixels within" in odd:
            values[(*first, trial.length // 2)] = np.nan
    elif kind == "responses":
        values = generator.exponential(12, values.shape)
        if "responses below zero" in odd:
            values[0, ::2] = -3e-7
        if "large responses" in odd:
            values[0, -1] = 65504 + generator.uniform(0, 3000)
        if "infinite responses" in odd:
            values[-1, 0] = np.inf
        if "missing responses within" in odd:
            values[-1, trial.length // 2] = np.nan
    elif kind == "behavior" and "missing behaviour within" in odd:
        values[1, trial.length // 2] = np.nan  # one row: the frame stays a valid one
    return values


def _as_stored(values, how):
    """The array with padding in its type on disk; what the type cannot hold is cut."""
    dtype = np.dtype(how.dtype)
    if dtype.kind == "f":
        padding = np.full((*values.shape[:-1], how.padding), np.nan)
        limits = np.finfo(dtype).min, np.finfo(dtype).max
        content = np.concatenate([values, padding], axis=-1)
        content = np.where(np.isinf(content), content, content.clip(*limits))
    else:
        limits = np.iinfo(dtype).min, min(np.iinfo(dtype).max, 100_000)
        content = np.nan_to_num(values).clip(*limits)
    return np.asarray(content.astype(dtype), order="F" if how.fortran else "C")


def everything(session):
    """Every answer of a session, by question."""
    names = ("name", "tiers", "neurons", "unit_ids", "coordinates", "precision", "digest")
    said = {name: getattr(session, name) for name in (*names, "withholds")}
    said["fingerprint"] = fingerprint([session])
    said["test trials"] = session.trials(TEST_TIERS)
    for kind in KINDS:
        said |= {(kind, name): session.statistic(kind, name) for name in STATISTICS}
    for trial in session.tiers:
        said |= {(trial, name): getattr(session, name)(trial) for name in TRIAL_ANSWERS}
    return said


def assert_same(said, wanted):
    """Equal answers of equal types to the same questions; NaN is NaN."""
    assert said.keys() == wanted.keys()
    for question, answer in said.items():
        assert type(answer) is type(wanted[question]), question
        np.testing.assert_array_equal(answer, wanted[question], err_msg=str(question), strict=True)


def halved(values):
    """What a trial's array becomes in half precision: nothing where one value is too large for it."""
    with np.errstate(over="ignore"):
        half = values.astype(np.float16).astype(np.float32)
    return values if (np.isinf(half) & ~np.isinf(values)).any() else half
