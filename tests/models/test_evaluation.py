"""A run's scores on every tier: equal to the metrics by hand, beside the ceiling, honest on leaks."""

import numpy as np
import pytest

from models.answers import Answers
from models.errors import RecordingError
from models.evaluation import SCORED_TIERS, score_run, score_table
from models.fit import Fit
from models.metrics import over_mice, scored_frames, single_trial_correlation
from models.recordings.data_set import open_sessions
from models.recordings.layout import BONUS_TIERS
from models.recordings.truth import truth_folder
from models.trained import TrainedRun
from tests.models.tiny import config_of


def by_hand(recordings, tier, predict):
    answers, per_mouse = Answers.beside(recordings), {}
    for session in open_sessions(recordings):
        pairs = []
        for trial in session.trials(tier):
            response = answers.response(session, trial)
            frames = scored_frames(response.shape[1])
            pairs.append((predict(session, trial)[:, frames], response[:, frames]))
        per_mouse[session.name] = single_trial_correlation(pairs)
    return over_mice(per_mouse)


@pytest.mark.parametrize("tier", ["oracle", "live_test_main"])
def test_scores_and_ceilings_are_the_metrics(complete, recordings, tier):
    run, answers = TrainedRun.open(complete, "cpu"), Answers.beside(recordings)
    rows = score_run(recordings, complete, None, normalise=False, device="cpu")
    (row,) = [row for row in rows if row.tier == tier]
    assert row.score == pytest.approx(by_hand(recordings, tier, run.predict), abs=1e-6)
    assert row.ceiling == pytest.approx(by_hand(recordings, tier, answers.noise_free), abs=1e-6)
    assert row.ceiling > row.score


def test_a_bonus_tier_is_the_mean_of_its_kinds(complete, recordings):
    rows = score_run(recordings, complete, None, normalise=True, device="cpu")
    assert list(dict.fromkeys(row.tier for row in rows)) == list(SCORED_TIERS)
    for tier in BONUS_TIERS:
        whole, *kinds = [row for row in rows if row.tier == tier]
        assert (whole.kind, len(kinds) > 1) == ("", True)
        assert whole.score == pytest.approx(np.mean([row.score for row in kinds]))


def test_without_a_run_the_ceiling_alone(recordings):
    rows = score_run(recordings, None, None, normalise=True)
    assert all(np.isnan(row.score) and row.ceiling > 0 for row in rows if not row.kind)


def test_the_server_s_units_differ(complete, recordings):
    raw, normalised = (
        score_run(recordings, complete, None, normalise, device="cpu")[0].score
        for normalise in (False, True)
    )
    assert abs(raw - normalised) > 1e-3


def test_a_tier_that_was_trained_on_is_marked(recordings, tmp_path):
    config = config_of(epochs=1, data={"tiers": ("train", "oracle")})
    fit = Fit(tmp_path / "run", config, recordings, "cpu")
    fit.train_epoch()
    rows = score_run(recordings, tmp_path / "run", None, normalise=True, device="cpu")
    assert [row.tier for row in rows if row.trained_on] == ["oracle"]
    cells = [str(cell) for cell in score_table(rows, normalise=True).columns[0].cells]
    assert cells[0] == "oracle (trained on)"
    assert cells.count("live_test_main") == 1


def test_nothing_known_is_said(tmp_path):
    from models.recordings.synthetic import Recipe, write_data_set

    data = tmp_path / "data"
    write_data_set(data, Recipe(mice=1, neurons=3, train_trials=2, videos=1, repeats=1))
    truth_folder(data).rename(tmp_path / "elsewhere")
    for file in data.glob("*/data/responses/*.npy"):
        file.unlink()
    with pytest.raises(RecordingError, match="no known responses"):
        score_run(data, None, None, normalise=True)
