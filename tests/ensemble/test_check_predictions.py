from dataclasses import replace

import numpy as np
import pytest

from ensemble.check import check_submission
from ensemble.checks.neurons import looks_unscaled
from ensemble.submission import write_submission
from tests.ensemble.small_sessions import (
    FIRST,
    LIVE_MAIN,
    make_session,
    only,
    right_rows,
    table_of,
)


def test_other_neuron_ids(verdict, rows):
    permuted = replace(rows[0], neuron_ids=rows[0].neuron_ids[::-1])
    different = replace(rows[1], neuron_ids=rows[1].neuron_ids + 1)
    problem = only(verdict([permuted, different, *rows[2:]]).problems)
    assert problem.where == "2 rows"
    assert problem.found.startswith(f"the same ids in another order in row 0 ({FIRST}, trial 2)")
    assert "4 ids that are not in it in row 1" in problem.found


@pytest.mark.parametrize(("tier", "count", "told"), [("main", 248, "249"), ("bonus", 191, "189")])
def test_a_wrong_number_of_frames(tmp_path, sessions, tier, count, told):
    rows = right_rows(sessions, f"live_test_{tier}")
    wrong = replace(rows[0], prediction=np.ones((5, count)))
    name = {"main": LIVE_MAIN, "bonus": "predictions_live_ood.parquet.brotli"}[tier]
    write_submission(tmp_path / name, [wrong, *rows[1:]])
    problem = only(check_submission(tmp_path / name, sessions).problems)
    assert problem.found.startswith(f"{count} instead of {told} or ")


def test_a_trial_without_scored_frames_tells_no_convention(tmp_path):
    """Where both conventions leave nothing, an empty prediction is right and says nothing of others."""
    tiers = ["live_test_main"] * 2
    session = make_session(tmp_path / "mouse", [2, 4], tiers, lengths=[40, 300])
    table_of(right_rows([session], longest=250)).to_parquet(
        tmp_path / LIVE_MAIN, compression="brotli"
    )
    report = check_submission(tmp_path / LIVE_MAIN, [session])
    assert (report.problems, report.rows, report.frames) == ((), 2, 250)


def test_values_that_are_not_finite(table_verdict, rows):
    rows[1].prediction[0, :2] = np.nan, np.inf  # pandas writes NaN as null
    rows[4].prediction[6, 248] = -np.inf
    problem = only(table_verdict(table_of(rows)).problems)
    assert (problem.where, problem.rule) == ("2 rows", "predictions are finite")
    assert f"2 values NaN, null or infinite in row 1 ({FIRST}, trial 3)" in problem.found
    assert "1 values NaN, null or infinite in row 4" in problem.found


@pytest.mark.parametrize("raw", [True, False])
def test_the_scale_of_raw_responses_is_a_warning(tmp_path, raw):
    session = make_session(tmp_path / "mouse", range(5, 30), std=np.float64(10))
    rows = [replace(r, prediction=r.prediction * (10 if raw else 1)) for r in right_rows([session])]
    write_submission(tmp_path / LIVE_MAIN, rows)
    report = check_submission(tmp_path / LIVE_MAIN, [session])
    assert report.ok
    assert [w.found for w in report.warnings] == ["the scale of the raw responses"] * raw


def test_the_scale_is_not_guessed_at():
    """Few neurons, deviations near 1, and predictions that are like neither tell nothing."""
    mean, std = np.full((30, 1), 10.0), np.full((30, 1), 10.0)
    assert looks_unscaled(mean[:, 0], mean, std)
    assert not looks_unscaled(mean[:10, 0], mean[:10], std[:10])
    assert not looks_unscaled(mean[:, 0], mean, np.full((30, 1), 1.5))
    assert not looks_unscaled(mean[:, 0] / 10, mean, std)
    assert not looks_unscaled(mean[:, 0] * 5, mean, std)
    assert not looks_unscaled(mean[:, 0], np.full((30, 1), np.nan), std)
