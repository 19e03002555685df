"""Session folders that are just large enough to hold a submission against them, and one for them."""

import numpy as np
import pandas as pd

from ensemble.submission import Row, write_submission
from models.metrics import scored_frames
from models.recordings.folder import SessionFolder

FRAMES = 324
TIERS = [
    *["train", "oracle", "live_test_main", "live_test_main", "final_test_main", "live_test_bonus"],
    *["final_test_bonus", "live_test_main", "none", "final_test_bonus"],
]
LENGTHS = [300, 300, 300, 324, 300, 240, 324, 300, 300, 315]
FIRST, SECOND = "dynamic1-1-1-Video-aaaa", "dynamic2-1-1-Video-aaaa"
LIVE_MAIN = "predictions_live_main.parquet.brotli"


def make_session(folder, unit_ids, tiers=TIERS, lengths=LENGTHS, std=1.0):
    """A session without responses: behaviour padded with NaN, names of videos, ids and tiers."""
    for part in ("data/videos", "data/behavior", "meta/trials", "meta/neurons"):
        (folder / part).mkdir(parents=True)
    np.save(folder / "meta/trials/tiers.npy", np.array(tiers))
    np.save(folder / "meta/neurons/unit_ids.npy", np.array(unit_ids))
    for trial, length in enumerate(lengths):
        behaviour = np.ones((2, FRAMES))
        behaviour[:, length:] = np.nan
        np.save(folder / f"data/behavior/{trial}.npy", behaviour)
        np.save(folder / f"data/videos/{trial}.npy", np.zeros((2, 3, FRAMES)))
    statistics = folder / "meta/statistics/responses/all"
    statistics.mkdir(parents=True)
    np.save(statistics / "mean.npy", np.full((len(unit_ids), 1), std))
    np.save(statistics / "std.npy", np.full((len(unit_ids), 1), std))
    return SessionFolder(folder)


def make_sessions(data):
    """Two mice of five and seven neurons with gaps between their unit ids."""
    return [
        make_session(data / FIRST, [2, 3, 5, 9, 14]),
        make_session(data / SECOND, [1, 4, 7, 10, 12, 13, 20]),
    ]


def right_rows(sessions, tier="live_test_main", longest=249):
    """What a submission of this tier should hold, with made-up values."""
    generator = np.random.default_rng(3)
    rows = []
    for session in sessions:
        for trial in session.trials(tier):
            frames = len(
                range(session.length(trial))[scored_frames(session.length(trial), longest)]
            )
            prediction = generator.gamma(2.0, 0.5, (session.neurons, frames))
            rows.append(Row(session.name, trial, prediction, session.unit_ids))
    return rows


def write_right(folder, sessions, name=LIVE_MAIN, tier="live_test_main", **options):
    """A submission without any fault."""
    path = folder / name
    write_submission(path, right_rows(sessions, tier), **options)
    return path


def table_of(rows):
    """A submission as the nested lists that pandas writes."""
    columns = {
        "mouse": [r.mouse for r in rows],
        "trial_indices": [r.trial for r in rows],
        "prediction": [r.prediction.tolist() for r in rows],
        "neuron_ids": [r.neuron_ids.tolist() for r in rows],
    }
    return pd.DataFrame(columns)


def only(problems):
    """The one problem there is."""
    (problem,) = problems
    return problem
