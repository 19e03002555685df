"""Small session folders with every irregularity that is allowed, and ways to break them."""

import numpy as np

from models.files import write_json
from models.recordings.layout import KINDS, STATISTICS

NEURONS, FRAMES, TRAIN_FRAMES = 5, 60, 55
NAME = "dynamic1-2-3-Video-abcd"
ROWS = {"videos": (36, 64), "responses": (NEURONS,), "behavior": (2,), "pupil_center": (2,)}
TRIALS = {
    0: ("train", 55),
    1: ("train", 54),
    2: ("train", 55),
    3: ("oracle", 55),
    4: ("live_test_main", 55),
    6: ("final_test_main", 55),
    7: ("live_test_bonus", 60),
    8: ("final_test_bonus", 53),
}
"""Tier and valid frames by file id; 5 is a gap."""
WITHHELD = (4, 8)
LOST = (2,)
"""Their responses have no file, as in old mice."""


def make_session(folder):
    """A sound session with mixed types, padding, a gap, withheld and missing responses."""
    generator = np.random.default_rng(5)
    tiers = [TRIALS.get(trial, ("none", 0))[0] for trial in range(max(TRIALS) + 1)]
    save(folder / "meta/trials/tiers.npy", np.array(tiers))
    save(folder / "meta/neurons/unit_ids.npy", np.array([2, 3, 7, 8, 20]))
    save(folder / "meta/neurons/cell_motor_coordinates.npy", np.zeros((NEURONS, 3), np.int32))
    write_json(folder / "config.json", {"links": {}})
    for kind in KINDS:
        for trial, (_, length) in TRIALS.items():
            array = generator.uniform(1, 255, (*ROWS[kind], FRAMES))
            save(folder / f"data/{kind}/{trial}.npy", _stored(kind, trial, array, length))
        for name in STATISTICS:
            save(folder / f"meta/statistics/{kind}/all/{name}.npy", _statistic(kind))
    for trial in LOST:
        (folder / f"data/responses/{trial}.npy").unlink()
    return folder


def _stored(kind, trial, array, length):
    if kind == "responses" and trial in WITHHELD:
        return np.zeros_like(array)
    if length == FRAMES:  # nothing is missing, so any type can hold it
        return array.astype({"videos": np.uint8, "behavior": np.int16}.get(kind, np.float32))
    array[..., length:] = np.nan
    return array.astype((np.float16, np.float32, np.float64)[trial % 3])


def _statistic(kind):
    if kind == "videos":
        return np.ones((*ROWS[kind], 1))
    array = np.ones((*ROWS[kind], FRAMES))
    array[:, TRAIN_FRAMES:] = np.nan
    return array


def save(path, array):
    """np.save, with the folders on the way."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, array)


def rewriting(function):
    """A breaker that replaces what an .npy file holds by `function` of it."""

    def breaker(path):
        save(path, function(np.load(path)))

    return breaker


def setting(value, place=...):
    """A breaker that sets values of an array; `place` is what stands between the brackets."""

    def change(array):
        array[place] = value
        return array

    return rewriting(change)


def replacing_by(content):
    """A breaker that replaces a file by an array or bytes."""

    def breaker(path):
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            np.save(path, content)

    return breaker


def cut_short(path):
    """Lose the last bytes of a file."""
    content = path.read_bytes()
    path.write_bytes(content[:-10])


def lose(path):
    """Remove a file."""
    path.unlink()


def a_folder(path):
    """Put a folder in the place of a file."""
    path.unlink()
    path.mkdir()


def renamed(name):
    """A breaker that gives a file another name."""
    return lambda path: path.rename(path.with_name(name))


class Trap:
    """Unpickling it would be noticed."""

    def __reduce__(self):
        return (_sprung, ())


def _sprung():
    raise AssertionError("a pickled object was opened")
