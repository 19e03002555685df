from dataclasses import replace
from itertools import chain

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from ensemble.check import check_submission
from ensemble.checks import file
from ensemble.naming import targets
from ensemble.submission import write_submission
from models.errors import UserError
from models.recordings.layout import NEW_HASH
from tests.ensemble.small_sessions import (
    FIRST,
    LIVE_MAIN,
    SECOND,
    make_session,
    make_sessions,
    only,
    right_rows,
    table_of,
    write_right,
)
from tests.shared_files import shared


@pytest.mark.parametrize("form", ["int", "file"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_right_file_is_right(verdict, rows, form, dtype):
    report = verdict(rows, trial_indices=form, dtype=dtype)
    assert (report.problems, report.warnings, report.ok) == ((), (), True)
    assert (report.tier, report.rows, report.mice) == ("live_test_main", 6, (FIRST, SECOND))
    assert (report.frames, report.trial_form) == (249, form)
    assert report.values == sum(r.prediction.size for r in rows)
    assert report.bytes == report.path.stat().st_size
    assert report.schemes == ("user", "current")


def test_files_of_every_tier_and_name_are_right(tmp_path, sessions):
    for scheme in ("user", "current"):
        for target in targets(scheme):
            path = write_right(tmp_path, sessions, target.file, target.tier)
            report = check_submission(path, sessions, scheme=scheme)
            assert (report.problems, report.warnings) == ((), ())
            assert report.tier == target.tier
            assert report.frames == 249


def test_a_file_written_by_pandas_is_right(table_verdict, rows):
    report = table_verdict(table_of(rows))
    assert (report.problems, report.warnings) == ((), ())


def test_today_s_250_frames_are_right(verdict, sessions):
    report = verdict(right_rows(sessions, longest=250))
    assert (report.problems, report.frames) == ((), 250)


def test_the_data_may_be_given_as_a_folder(tmp_path):
    path = write_right(tmp_path, make_sessions(tmp_path / "data"))
    assert check_submission(path, tmp_path / "data").ok


def test_only_the_new_mice_are_scored_unless_told_otherwise(tmp_path):
    new = make_session(tmp_path / f"dynamic3-1-1-Video-{NEW_HASH}", [4, 8])
    sessions = [*make_sessions(tmp_path), new]
    path = write_right(tmp_path, [new])
    assert check_submission(path, sessions).mice == (new.name,)
    assert check_submission(path, sessions).ok
    assert [p.where for p in check_submission(path, sessions, [FIRST, new.name]).problems] == [
        FIRST
    ]
    report = check_submission(path, sessions, [FIRST, SECOND])
    assert [p.where for p in report.problems] == [FIRST, SECOND, "3 rows"]
    assert "scored mice only" in report.problems[2].rule
    assert f"{new.name}, which is not scored" in report.problems[2].found
    assert report.mice == ()


def test_an_unknown_scored_mouse_is_a_users_mistake(tmp_path, sessions):
    path = write_right(tmp_path, sessions)
    with pytest.raises(UserError, match=f"nearest {FIRST}"):
        check_submission(path, sessions, ["dynamic1-1-1-Video-aaab"])
    with pytest.raises(UserError, match="there is no file"):
        check_submission(tmp_path / "absent", sessions)


def test_the_golden_file_is_right_for_its_own_mice(tmp_path):
    table = pd.read_parquet(shared(f"golden/{LIVE_MAIN}"))
    data = tmp_path / "data"
    for mouse, its in table.groupby("mouse"):
        tiers = np.full(its["trial_indices"].max() + 1, "train", dtype="<U20")
        tiers[its["trial_indices"]] = "live_test_main"
        make_session(data / mouse, its["neuron_ids"].iloc[0], tiers, [300] * len(tiers))
    report = check_submission(shared(f"golden/{LIVE_MAIN}"), data)
    assert (report.problems, report.warnings) == ((), ())
    assert (report.rows, report.values, report.frames) == (9, 20169, 249)


def test_a_wrong_name_is_answered_with_the_right_ones(tmp_path, sessions):
    path = write_right(tmp_path, sessions, "prediction_live_main.parquet.brotli")
    report = check_submission(path, sessions)
    problem = only(report.problems)
    assert problem.where == "file name"
    assert all(target.file in problem.rule for s in ("user", "current") for target in targets(s))
    assert f"perhaps {LIVE_MAIN} is meant" in problem.found
    assert (report.tier, report.schemes) == ("live_test_main", ())


def test_a_name_of_the_other_scheme_is_wrong_where_one_is_asked_for(tmp_path, sessions):
    path = write_right(tmp_path, sessions, "predictions_live_ood.parquet.brotli", "live_test_bonus")
    assert check_submission(path, sessions).ok
    assert check_submission(path, sessions, scheme="user").ok
    problem = only(check_submission(path, sessions, scheme="current").problems)
    assert problem.where == "file name"
    assert "predictions_live_test_bonus_ood" in problem.rule


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_cut_file_is_no_parquet_file(tmp_path, sessions, share):
    path = write_right(tmp_path, sessions)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    report = check_submission(path, sessions)
    assert only(report.problems).rule == "it is a whole Parquet file"
    assert (report.tier, report.rows, report.ok) == ("live_test_main", 0, False)


def test_too_large_a_file(tmp_path, sessions, monkeypatch):
    path = write_right(tmp_path, sessions)
    monkeypatch.setattr(file, "LARGEST_UPLOAD", path.stat().st_size)
    assert check_submission(path, sessions).ok
    monkeypatch.setattr(file, "LARGEST_UPLOAD", path.stat().st_size - 1)
    assert "an upload has at most" in only(check_submission(path, sessions).problems).rule


def test_a_file_without_rows(tmp_path, sessions):
    write_submission(tmp_path / "one", right_rows(sessions)[:1])
    none = pq.read_table(tmp_path / "one").slice(0, 0)
    pq.write_table(none, tmp_path / LIVE_MAIN, compression="brotli")
    report = check_submission(tmp_path / LIVE_MAIN, sessions)
    assert only(report.problems).found == "no row"
    assert (report.rows, report.mice, report.frames, report.trial_form) == (0, (), None, None)


def test_all_that_is_wrong_is_told_at_once(tmp_path, sessions, rows):
    """Each fault of a file with nine of them is named."""
    rows[0] = replace(rows[0], prediction=rows[0].prediction[:, 1:])
    rows[1] = replace(rows[1], neuron_ids=rows[1].neuron_ids[::-1])
    rows[2].prediction[0, 0] = np.nan
    rows[3] = replace(rows[3], mouse="nobody")
    rows[4] = replace(rows[4], trial=0)
    table = table_of([*rows, rows[5]]).assign(more=1)
    path = tmp_path / "live.parquet"
    table.to_parquet(path, compression="gzip", index=False)
    rules = "\n".join(problem.rule for problem in check_submission(path, sessions).problems)
    for rule in (
        "it is one of predictions_live_main",
        "compressed with Brotli",
        "the columns are exactly",
        "each live_test_main trial has a row",
        "a value for each scored frame",
        "in its order",
        "are finite",
        "called as its session folder",
        "is of a live_test_main trial",
        "one row",
    ):
        assert rules.count(rule) == 1, rule


def test_thousands_of_bad_rows_give_a_few_lines(tmp_path, sessions, rows):
    strangers = (
        replace(rows[0], mouse=f"stranger{n}", prediction=np.full((1, 1), -1.0), neuron_ids=[1])
        for n in range(2_000)
    )
    write_submission(tmp_path / LIVE_MAIN, chain(rows, strangers))
    report = check_submission(tmp_path / LIVE_MAIN, sessions)
    problem = only(report.problems)
    assert report.rows == 2_006
    assert problem.where == "2,000 rows"
    assert "'stranger0' in row 6 (stranger0, trial 2)" in problem.found
    assert problem.found.endswith("; ...")
    assert len(str(problem)) < 400
    assert only(report.warnings).where == "2,000 rows"
