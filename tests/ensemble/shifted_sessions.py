"""Sessions whose precision jumps from frame to frame and whose responses are known; a right submission.

Large enough that frames shifted by one and a missing precision can be told.
"""

import numpy as np
from scipy.ndimage import gaussian_filter1d

from ensemble.submission import Row
from models.answers import Answers
from models.metrics import response_precision
from tests.ensemble.small_sessions import FIRST, FRAMES, SECOND, TIERS, make_session

NEURONS = 24
FIRST_PRESENTED = 100
"""The original presentation of file 0; they follow each other."""


def make_jumping(data):
    """Two mice of 24 neurons, with the presentation ids of new mice."""
    return [_jumping(data / FIRST, 1), _jumping(data / SECOND, 2)]


def _jumping(folder, seed):
    generator = np.random.default_rng(seed)
    session = make_session(folder, np.sort(generator.permutation(200)[:NEURONS]) + 1)
    std = generator.gamma(20, 0.5, (NEURONS, FRAMES))
    std[:, 300:] = np.nan
    np.save(folder / "meta/statistics/responses/all/std.npy", std)
    presented = (np.arange(len(TIERS)) + FIRST_PRESENTED).astype(np.str_)
    np.save(folder / "meta/trials/trial_idx.npy", presented)
    return session


def signal(session, trial):
    """(N, T) smooth and positive: what the neurons do but for noise."""
    generator = np.random.default_rng((len(session.name) + int(session.unit_ids.sum()), trial))
    return 1 + gaussian_filter1d(generator.gamma(0.3, 30, (session.neurons, FRAMES)), 1.5, axis=1)


def precision(session):
    """(N, T) as the server's."""
    return response_precision(session.statistic("responses", "std"))


class Known(Answers):
    """Responses that are the signal and noise."""

    def response(self, session, trial):
        made = signal(session, trial)[:, : session.length(trial)]
        return made + np.random.default_rng(trial).normal(0, 5, made.shape)


def jumping_rows(sessions, tier="live_test_main", late=0, precision_late=0, longest=249):
    """A right submission; with `late` of signals that come so many frames later, or their precision."""
    rows = []
    for session in sessions:
        for trial in session.trials(tier):
            first, frames = 50, min(session.length(trial), 300) - 50 - (250 - longest)
            own = slice(first + late, first + late + frames)
            jumps = slice(first + precision_late, first + precision_late + frames)
            values = signal(session, trial)[:, own] * precision(session)[:, jumps]
            rows.append(Row(session.name, trial, values, session.unit_ids))
    return rows
