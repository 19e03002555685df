"""Runs that were imported take part beside those that are chosen, or alone."""

import json
import shutil

import numpy as np
import pytest

from ensemble.candidates import members_of_runs, members_of_searches, with_imported
from ensemble.cli import app
from ensemble.manifest import Manifest
from ensemble.naming import targets
from ensemble.reader import read_rows
from models import console
from models.errors import ProblemsFound, UserError
from models.imports import import_checkpoints
from models.recordings.data_set import open_sessions
from models.runs import RunFolder
from models.scoring import server_units
from models.trained import TrainedRun
from tests.ensemble.build_fixtures import ORIGIN, change_record
from tests.models.generated_sessions import Plan, Trial, write
from tests.shared_files import shared


def build(monkeypatch, *words):
    """Run `python -m ensemble build <words>`; the exit code."""
    monkeypatch.setattr("sys.argv", ["ensemble", "build", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        console.run(app, "python -m ensemble")
    return ended.value.code or 0


def assert_mean_of(out, data, runs):
    """The files hold the plain mean of these runs in the server's units."""
    runs = [TrainedRun.open(run, "cpu") for run in runs]
    sessions = {session.name: session for session in open_sessions(data)}
    for target in targets():
        *_, row = read_rows(out / target.file)
        session = sessions[row.mouse]
        mean = np.mean([run.predict(session, row.trial).astype(float) for run in runs], axis=0)
        wanted = server_units(session, mean, 249, normalise=True)
        np.testing.assert_allclose(row.prediction, wanted, rtol=1e-6)


def test_an_imported_run_is_averaged_in_with_the_same_weight(
    demo, imported, tmp_path, monkeypatch, capsys
):
    words = ("--run", demo.run(0), "--with", imported, "--data", demo.data, "--device", "cpu")
    assert build(monkeypatch, *words, "--out", tmp_path / "out") == 0
    assert_mean_of(tmp_path / "out", demo.data, [demo.run(0), imported])
    manifest = Manifest.read(tmp_path / "out")
    assert [member.weight for member in manifest.members] == [0.5, 0.5]
    assert [member.label for member in manifest.members] == ["0", "imported"]
    assert manifest.members[1].held_out_score is None
    assert "and 1 imported, not chosen by a score" in manifest.rule
    printed = capsys.readouterr().out
    assert "with 1 run imported" in printed
    assert "the ensemble of 2, 1 of them imported, scores" in printed
    assert "best single (run 0)" in printed


def test_imported_runs_alone(demo, imported, tmp_path, monkeypatch, capsys):
    other = shutil.copytree(imported, tmp_path / "other")
    shutil.copy(demo.run(1) / "weights.pt", other / "weights.pt")
    words = ("--with", imported, "--with", other, "--data", demo.data, "--device", "cpu")
    assert build(monkeypatch, *words, "--out", tmp_path / "out") == 0
    assert_mean_of(tmp_path / "out", demo.data, [imported, other])
    manifest = Manifest.read(tmp_path / "out")
    assert manifest.rule == "the plain mean of 2 imported, not chosen by a score"
    assert manifest.selection.chosen == 0
    printed = capsys.readouterr().out
    assert "imported runs alone: 2 runs imported" in printed
    assert "the first (run" in printed


def test_the_winners_checkpoint_becomes_a_submission(tmp_path, monkeypatch):
    tiers = ("train", "oracle", *(target.tier for target in targets()))
    plan = {number: Trial(tier, 60) for number, tier in enumerate(tiers)}
    for name, neurons in (("a", 5), ("b", 7)):
        write(tmp_path / "data", Plan(plan, neurons=neurons, size=(36, 64)), name)
    file, run = shared("golden/model-017-0.293200.pth"), tmp_path / "run"
    import_checkpoints([file], run, tmp_path / "data")
    config = json.loads((run / "config.json").read_text())["config"]
    change_record(run, config=config | {"inference": {"stride": 32}})  # for the test's time alone
    words = ("--with", run, "--data", tmp_path / "data", "--device", "cpu")
    assert build(monkeypatch, *words, "--out", tmp_path / "out") == 0
    assert_mean_of(tmp_path / "out", tmp_path / "data", [run])


def test_an_imported_run_is_not_chosen_by_what_its_file_claims(demo, imported, tmp_path):
    copied = demo.copy(tmp_path / "home")
    change_record(copied.run(4), imported=ORIGIN)
    found = members_of_searches(copied.home, ["demo"], unconfirmed=True)
    assert {member.label for member in found.members} == {"0", "1"}
    assert found.left_out["imported, which only --with adds"] == 1
    with pytest.raises(UserError, match="found 1 imported, which only --with adds"):
        members_of_runs([imported])


def test_runs_that_cannot_be_added_are_all_named(demo, imported, tmp_path):
    unfinished = shutil.copytree(imported, tmp_path / "unfinished")
    (unfinished / "status.json").unlink()
    with pytest.raises(ProblemsFound) as caught:
        with_imported(None, [demo.run(0), imported, unfinished])
    told = {problem.where: problem.found for problem in caught.value.problems}
    assert told == {
        str(demo.run(0)): "a run that was trained here",
        str(unfinished): "no status.json",
    }


def test_an_imported_run_of_other_recordings_is_refused(demo, imported, tmp_path, monkeypatch):
    change_record(imported, fingerprint="0123456789ab")
    words = ("--with", imported, "--data", demo.data, "--out", tmp_path / "out")
    assert build(monkeypatch, *words) == 2
    assert not (tmp_path / "out").exists()
    assert RunFolder(imported).status().state == "complete"
