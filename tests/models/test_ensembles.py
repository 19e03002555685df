"""One student of an ensemble: who teaches it of a manifest, and what is said of what it lost."""

import json
import shutil

import pytest

from models.ensembles import Manifest, lesson, losses
from models.errors import UserError
from models.evaluation import TierScore, score_run
from models.recordings.data_set import open_sessions
from models.runs import RunFolder
from tests.models.tiny import config_of


def tier_scores(recordings, run, normalise):
    rows = score_run(recordings, run, None, normalise, "cpu")
    return [{"tier": row.tier, "ensemble": row.score} for row in rows if not row.kind]


def change(run, **changes):
    """Change the record of a run at its top level, or its data."""
    path = run / "config.json"
    content = json.loads(path.read_text())
    content["config"]["data"] |= changes.pop("data", {})
    path.write_text(json.dumps(content | changes))


@pytest.fixture
def manifest(complete, recordings, tmp_path):
    """A file of an ensemble of two: one of one run, one of a run of each of two folds."""
    runs = [tmp_path / name for name in ("single", "fold0", "fold1")]
    for run in runs:
        shutil.copytree(complete, run)
    change(runs[2], data={"fold": 1})
    members = [
        {"label": "7", "runs": [{"folder": str(runs[0])}], "weight": 0.75},
        {"label": "3", "runs": [{"folder": str(each)} for each in runs[1:]], "weight": 0.25},
    ]
    content = {
        "members": members,
        "evaluation": tier_scores(recordings, complete, normalise=True),
        "evaluation_raw": tier_scores(recordings, complete, normalise=False),
        "mice": [session.name for session in open_sessions(recordings)],
        "options": {"frames": 249},
    }
    path = tmp_path / "submission" / "manifest.json"
    path.parent.mkdir()
    path.write_text(json.dumps(content))
    return path


def test_runs_that_held_the_fold_out_teach_by_their_members_weights(manifest, tmp_path):
    taught = lesson(Manifest.read(manifest), None)
    assert taught.fold == 0
    assert taught.teachers == (tmp_path / "single", tmp_path / "fold0")
    assert taught.shares == pytest.approx((0.75, 0.25))
    assert not taught.silent
    other = lesson(Manifest.read(manifest), 1)
    assert (other.teachers, other.shares) == ((tmp_path / "fold1",), (1.0,))
    assert other.silent == ("7",)
    with pytest.raises(UserError, match="no member held out fold 2"):
        lesson(Manifest.read(manifest), 2)


def test_imported_runs_and_members_without_weight_do_not_teach(manifest, tmp_path):
    change(tmp_path / "fold0", imported={"file": "a", "sha256": "0", "fold": None, "params": {}})
    taught = lesson(Manifest.read(manifest), None)
    assert taught.teachers == (tmp_path / "single",)
    assert taught.silent == ("3",)


def test_what_is_no_manifest(tmp_path):
    with pytest.raises(UserError, match="cannot read"):
        Manifest.read(tmp_path / "manifest.json")
    (tmp_path / "manifest.json").write_text('{"members": 1}')
    with pytest.raises(UserError, match="no manifest of an ensemble"):
        Manifest.read(tmp_path)


def test_losses_are_of_tiers_that_both_were_scored_on(manifest):
    known = Manifest.read(manifest)
    own = [
        TierScore("oracle", "", 0.125, 0.5),
        TierScore("live_test_main", "", 0.25, 0.5, trained_on=True),
        TierScore("live_test_bonus", "noise", 0.25, 0.5),
    ]
    found = losses(known, own, [])
    (each,) = found
    assert (each.tier, each.normalised, each.student) == ("oracle", False, 0.125)
    assert each.lost == each.ensemble - 0.125


def test_from_the_command_line(call, refused, manifest, recordings, tmp_path):
    run = tmp_path / "student"
    words = ["distill", recordings, "--run", run, "--device", "cpu"]
    refused(words, "found neither")
    refused([*words, "--manifest", manifest, "--teachers", run], "found both")
    refused([*words, "--manifest", manifest, "--set", "data.fold=2"], "held out fold 2")
    words += ["--manifest", manifest.parent, "--set", "training.epochs=1"]
    code, printed, _ = call(*words)
    assert code == 0
    assert "2 teachers of 2 members, fold 0" in printed
    assert "lost" in printed
    config = RunFolder(run).record().config
    assert config.distillation.shares == pytest.approx((0.75, 0.25))
    assert config.network == config_of().network
    assert (config.data.fold, config.training.epochs) == (0, 1)
    rows = json.loads((run / "distilled.json").read_text())
    assert {row["tier"] for row in rows} >= {"oracle", "live_test_main"}
    for row in rows:
        assert row["lost"] == pytest.approx(row["ensemble"] - row["student"])
    raw = {row["tier"]: row["student"] for row in rows if not row["normalised"]}
    wanted = score_run(recordings, run, None, normalise=False, device="cpu")
    assert raw == {row.tier: row.score for row in wanted if not row.kind}
