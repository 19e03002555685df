"""A session of the competition's size, of noise: only its shape and its types matter here."""

from pathlib import Path

import numpy as np

from models.recordings.layout import HEIGHT, KINDS, WIDTH

NAME = "dynamic40000-1-1-Video-bench"
GREYS = 256
MEAN_RESPONSE = 10.0


def write_session(data: Path, neurons: int, frames: int, trials: int, dtype: str) -> Path:
    """Write a session of `trials` train trials of `frames` valid frames into `data`; its folder."""
    random, folder = np.random.default_rng(0), data / NAME
    rows = {"responses": neurons, "behavior": 2, "pupil_center": 2}
    for kind in KINDS:
        (folder / "data" / kind).mkdir(parents=True)
        _write_statistics(folder, kind, (rows.get(kind, 1), frames))
    for trial in range(trials):
        film = random.integers(0, GREYS, (HEIGHT, WIDTH, frames), np.uint8)
        np.save(folder / f"data/videos/{trial}.npy", film.astype(dtype))
        for kind, count in rows.items():
            values = MEAN_RESPONSE * random.standard_exponential((count, frames), np.float32)
            np.save(folder / f"data/{kind}/{trial}.npy", values.astype(dtype))
    _write_meta(folder, neurons, trials)
    return folder


def _write_statistics(folder: Path, kind: str, shape: tuple[int, int]) -> None:
    place = folder / f"meta/statistics/{kind}/all"
    place.mkdir(parents=True)
    for name in ("mean", "std"):
        np.save(place / f"{name}.npy", np.ones(shape))


def _write_meta(folder: Path, neurons: int, trials: int) -> None:
    (folder / "meta/neurons").mkdir()
    (folder / "meta/trials").mkdir()
    np.save(folder / "meta/neurons/unit_ids.npy", np.arange(1, neurons + 1))
    np.save(folder / "meta/neurons/cell_motor_coordinates.npy", np.zeros((neurons, 3), int))
    np.save(folder / "meta/trials/tiers.npy", np.array(["train"] * trials))
