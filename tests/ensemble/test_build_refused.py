"""Builds that end without submission files, and what they leave as it was."""

import numpy as np
import pytest

from ensemble import build as building
from ensemble.candidates import members_of_runs
from ensemble.checks.verdict import Report
from ensemble.chosen import Wanted
from ensemble.costs import size
from models.errors import Problem, ProblemsFound, UserError
from models.recordings.data_set import open_sessions
from models.trained import TrainedRun
from tests.ensemble.build_fixtures import complete_ones
from tests.ensemble.building import outcome_of


def test_a_file_that_fails_its_check_ends_without_zips_and_manifest(demo, tmp_path, monkeypatch):
    def refuse(path, *_, **__):
        return Report(path, 1, (Problem("file", "it is right", "it is not"),))

    monkeypatch.setattr(building, "check_submission", refuse)
    result, _ = outcome_of(tmp_path, demo, members_of_runs([demo.run(1)]))
    assert not result.ok
    assert not result.zips
    assert result.manifest is None
    assert not [*tmp_path.glob("*.zip"), *tmp_path.glob("*.json")]


def test_runs_of_other_recordings_are_refused_before_anything_is_written(demo, tmp_path):
    (tmp_path / "fewer").mkdir()
    session = open_sessions(demo.data)[0]
    (tmp_path / "fewer" / session.name).symlink_to(session.path)
    fewer = type(demo)(tmp_path / "fewer", demo.home)
    with pytest.raises(ProblemsFound, match="its mice are those of the recordings"):
        outcome_of(tmp_path / "out", fewer)
    assert not (tmp_path / "out").exists()


def test_a_failing_prediction_leaves_the_old_file(demo, tmp_path, monkeypatch):
    old = tmp_path / "predictions_live_main.parquet.brotli"
    old.write_bytes(b"old")

    def broken(_, session, *__):
        return np.full((session.neurons, 300), np.nan, np.float32)

    monkeypatch.setattr(TrainedRun, "respond", broken)
    with pytest.raises(UserError, match="finite everywhere"):
        outcome_of(tmp_path, demo)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == [old.name]
    assert old.read_bytes() == b"old"


def test_budgets_limit_the_members(demo, tmp_path):
    members = complete_ones(demo).members
    one = size(members[0]) / 1e6
    mice = (open_sessions(demo.data)[0].name,)
    wanted = Wanted(rule="mean", megabytes=1.5 * one)
    result, _ = outcome_of(tmp_path / "small", demo, wanted=wanted, mice=mice)
    assert result.selection.chosen == 1
    with pytest.raises(
        UserError, match=r"pays at least the cheapest member; found a cost of .* GFLOP"
    ):
        outcome_of(tmp_path / "none", demo, wanted=Wanted(gflop=1e-9), mice=mice)
    assert not (tmp_path / "none").exists()


def test_refused_files_do_not_replace_earlier_ones(demo, tmp_path, monkeypatch):
    mice = (open_sessions(demo.data)[0].name,)
    outcome_of(tmp_path, demo, wanted=Wanted(pool=1), mice=mice)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    refused = Report(tmp_path, 1, (Problem("file", "it is right", "it is not"),))
    monkeypatch.setattr(building, "check_submission", lambda *_, **__: refused)
    result, _ = outcome_of(tmp_path, demo, wanted=Wanted(pool=2, rule="mean"), mice=mice)
    assert not result.ok
    after = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    assert after == before


def test_a_second_build_into_a_folder_is_refused_while_the_first_is_at_it(
    demo, tmp_path, monkeypatch
):
    refused, check = [], building.check_submission

    def checked(*asked, **options):
        with pytest.raises(UserError) as caught:
            outcome_of(tmp_path, demo)
        refused.append(caught.value.message)
        return check(*asked, **options)

    monkeypatch.setattr(building, "check_submission", checked)
    result, _ = outcome_of(tmp_path, demo, members_of_runs([demo.run(1)]))
    assert result.ok
    assert refused == [f"another build writes into {tmp_path} at this moment"] * 4
    assert not (tmp_path / ".lock").exists()
