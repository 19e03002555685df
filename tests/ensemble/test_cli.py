import shutil
import sys
import zipfile
from typing import get_args

import numpy as np
import pytest

from ensemble import build as building
from ensemble.build import Options
from ensemble.checks.verdict import Report
from ensemble.chosen import Wanted
from ensemble.cli import app
from ensemble.commands.build import Rule
from ensemble.rules import WORDS
from ensemble.submission import Row, write_submission
from models import console
from models.errors import Problem, StorageError
from models.recordings.data_set import open_sessions
from models.remote import Remote
from tests.buckets import BUCKET, bucket_at_hand


@pytest.fixture(scope="module")
def submission(demo, tmp_path_factory):
    """A right submission, as the command line builds it."""
    out = tmp_path_factory.mktemp("cli")
    with pytest.MonkeyPatch.context() as patch:
        words = ["build", "demo", "--data", demo.data, "--out", out, "--home", demo.home]
        words += ["--unconfirmed"]
        patch.setattr(sys, "argv", ["ensemble", *map(str, words), "--device", "cpu"])
        with pytest.raises(SystemExit) as caught:
            console.run(app, "python -m ensemble")
    assert not caught.value.code
    return out


@pytest.mark.parametrize("words", [[], ["build"], ["check"], ["score"]])
def test_help_names_the_next_thing_to_type(command, words):
    code, text = command(*words, "--help")
    assert code == 0
    assert "Next: " in text


def test_build_writes_a_submission_that_check_accepts(command, submission, demo):
    code, text = command("check", submission, "--data", demo.data)
    assert code == 0
    assert text.count("the server would take it") == 6
    assert "2 rows, 2 mice" in text


def test_score_prints_scores_and_ceilings(command, submission, demo):
    code, text = command("score", submission, "--data", demo.data)
    assert code == 0
    assert "predictions_live_main" in text
    assert "%" in text
    file = submission / "predictions_final_ood.parquet.brotli"
    code, one = command("score", file, "--data", demo.data)
    assert code == 0
    assert "predictions_live_main" not in one


def test_options_are_handed_on(command, demo, tmp_path, monkeypatch):
    asked = []

    def fake(candidates, options, _):
        asked.append((candidates, options))
        report = Report(tmp_path / "file", 6_000_000_000, (Problem("file", "rule", "found"),))
        return building.Built(None, (), (report,))

    monkeypatch.setattr(building, "build", fake)
    words = ["--out", tmp_path, "--top", 3, "--pool", 9, "--rule", "greedy"]
    words += ["--max-mb", 5, "--max-gflop", 7, "--names", "current", "--frames", 250]
    words += ["--trial-indices", "file", "--float32", "--mantissa-bits", 10, "--no-normalise"]
    words += ["--truth", "t", "--mice", "a", "--mice", "b", "--device", "cpu"]
    words += ["--run", demo.run(0), "--run", demo.run(1)]
    code, text = command("build", "--data", demo.data, *words)
    assert code == 1
    assert "refuse it or score it wrongly: 1 problem file: rule; found found" in text
    assert "--mantissa-bits 10" in text
    ((candidates, options),) = asked
    assert {member.label for member in candidates.members} == {"0", "1"}
    assert options == Options(
        data=demo.data,
        out=tmp_path,
        wanted=Wanted(9, 3, "greedy", 5, 7),
        mice=("a", "b"),
        scheme="current",
        frames=250,
        trial_indices="file",
        dtype="float32",
        mantissa_bits=10,
        normalise=False,
        truth=options.truth,
        device="cpu",
    )
    assert str(options.truth) == "t"


def test_everything_that_is_wrong_with_a_file_is_printed(command, submission, demo, tmp_path):
    name = "predictions_live_main.parquet.brotli"
    session = open_sessions(demo.data)[0]
    trial = session.trials("live_test_main")[0]
    rows = [Row(session.name, trial, np.ones((3, 249)), session.unit_ids[:3])]
    rows += [Row("stranger", 1, np.ones((3, 249)), session.unit_ids[:3])]
    write_submission(tmp_path / name, rows)
    good = submission / "predictions_final_main.parquet.brotli"
    code, text = command("check", good, tmp_path / name, "--data", demo.data)
    assert code == 1
    assert f"{good}: the server would take it" in text
    assert f"{tmp_path / name}: the server would refuse it or score it wrongly" in text
    for found in ("'stranger'", "3 ids instead of 6", "no row of this mouse"):
        assert found in text


def test_scored_mice_can_be_named(command, submission, demo):
    mouse = open_sessions(demo.data)[0].name
    code, text = command("check", submission, "--data", demo.data, "--mice", mouse)
    assert code == 1
    assert "which is not scored" in text
    code, text = command("check", submission, "--data", demo.data, "--mice", "nobody")
    assert code == 2
    assert "nobody" in text


def test_score_refuses_rows_that_do_not_fit(command, submission, demo, tmp_path):
    name = "predictions_live_main.parquet.brotli"
    shutil.copy(submission / "predictions_final_main.parquet.brotli", tmp_path / name)
    code, text = command("score", tmp_path, "--data", demo.data)
    assert code == 2
    assert "is of tier final_test_main, not live_test_main" in text
    shutil.move(tmp_path / name, tmp_path / "mine.parquet.brotli")
    code, text = command("score", tmp_path / "mine.parquet.brotli", "--data", demo.data)
    assert code == 2
    assert "is no name of a submission file" in text


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["build", "--out", "x"], "found none"),
        (["build", "demo", "--unconfirmed", "--run", "y", "--out", "x"], "holds no run"),
        (["build", "demo", "--out", "x"], "no configuration of search 'demo' is confirmed"),
        (["build", "--query", "colour", "--out", "x"], "there is no MLflow database"),
        (["build", "demo", "--top", "3", "--manifest", "m", "--out", "x"], "also searches, --top"),
        (["build", "--manifest", "m", "--out", "x"], "m is missing"),
        (["build", "other", "--out", "x"], "no search is called 'other'"),
        (["build", "demo", "--unconfirmed", "--out", "x", "--truth", "nowhere"], "holds no truth"),
        (["build", "demo", "--unconfirmed", "--out", "x", "--device", "abacus"], "is no device"),
        (["build", "demo", "--out", "x", "--frames", "251"], "251"),
        (["build", "demo", "--unconfirmed", "--out", "x", "--mice", "nobody"], "nobody"),
        (["check", "nothing"], "there is no nothing"),
        (["check", "empty"], "holds no submission file"),
        (["score", "nothing"], "there is no nothing"),
        (["score", "empty"], "holds no submission file"),
    ],
)
def test_mistakes_end_with_2_and_no_traceback(
    command, demo, words, expected, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SENSORIUM_HOME", str(demo.home))
    (tmp_path / "empty").mkdir()
    code, text = command(*words, "--data", demo.data)
    assert code == 2
    assert expected in text
    assert "Traceback" not in text


def test_a_damaged_zip_is_a_verdict_and_not_a_crash(command, demo, tmp_path):
    with zipfile.ZipFile(tmp_path / "predictions_main.zip", "w") as archive:
        archive.writestr("readme.txt", "no predictions")
    code, text = command("check", tmp_path, "--data", demo.data)
    assert code == 1
    assert "readme.txt" in text


def test_every_rule_can_be_asked_for():
    assert get_args(Rule) == tuple(WORDS)


def test_a_submission_is_copied_with_its_manifest_last(command, submission, tmp_path, monkeypatch):
    target = Remote.parse((tmp_path / "bucket/august").as_uri())
    target.write("manifest.json", b"of an earlier submission")
    removed, upload = [], Remote.upload

    def uploaded(remote, folder, names):
        removed.append(not remote.has("manifest.json"))
        upload(remote, folder, names)

    monkeypatch.setattr(Remote, "upload", uploaded)
    code, text = command("copy", submission, f"{target}/")
    assert code == 0
    assert f"copied to: {target}, 8 files, manifest.json last" in text
    assert removed == [True], "while files are missing there is no manifest"
    assert {*target.sizes()} == {path.name for path in submission.iterdir()}
    for path in submission.iterdir():
        assert target.read(path.name) == path.read_bytes()


def test_what_is_no_whole_submission_is_not_copied(command, submission, tmp_path):
    target = Remote.parse((tmp_path / "bucket").as_uri())
    spoilt = shutil.copytree(submission, tmp_path / "out")
    (spoilt / "predictions_main.zip").unlink()
    (spoilt / "predictions_ood.zip").write_bytes(b"half")
    code, text = command("copy", spoilt, target)
    assert code == 2
    assert "predictions_main.zip: has" in text
    assert "found no such file" in text
    assert "predictions_ood.zip: has" in text
    assert "found 4" in text
    assert f"--manifest {spoilt}/manifest.json" in text
    assert not target.sizes()
    code, text = command("copy", tmp_path / "nowhere", target)
    assert code == 2
    assert "is missing" in text


@pytest.fixture
def built(monkeypatch):
    """A build that is quick: what it makes is there already."""

    def pretend(submission):
        reports = (Report(submission / "file", 1, ()),)
        done = building.Built(
            None, (), reports, (submission / "zip",), submission / "manifest.json"
        )
        monkeypatch.setattr(building, "build", lambda *_: done)

    return pretend


def test_a_build_is_copied_at_its_end(command, built, submission, demo):
    built(submission)
    words = ("build", "--data", demo.data, "--out", submission, "--run", demo.run(0))
    with bucket_at_hand():
        target = Remote.parse(f"s3://{BUCKET}/submissions/august")
        code, text = command(*words, "--copy-to", target)
        assert code == 0
        assert f"copied to: {target}, 8 files" in text
        assert {*target.sizes()} == {path.name for path in submission.iterdir()}
        code, text = command(*words, "--copy-to", "s3://nowhere/august")
    assert code == 2, "before it is built"
    assert "cannot reach s3://nowhere/august" in text
    assert "to upload" not in text
    code, text = command(*words, "--copy-to", "elsewhere")
    assert code == 2
    assert "a URI begins with one of" in text


def test_a_copy_that_fails_says_what_to_type(
    command, built, submission, demo, tmp_path, monkeypatch
):
    built(submission)
    target = (tmp_path / "bucket").as_uri()

    def fail(*_):
        raise StorageError("cannot reach it: access denied", "Check the keys.")

    monkeypatch.setattr(Remote, "upload", fail)
    words = ("build", "--data", demo.data, "--out", submission, "--run", demo.run(0))
    code, text = command(*words, "--copy-to", target)
    assert code == 2
    assert "to upload:" in text
    assert f"the files are whole in {submission}, but they are not copied: cannot reach it" in text
    assert f"Check the keys. Then type: python -m ensemble copy {submission} {target}" in text


def test_store_is_of_a_cluster(command, demo, tmp_path):
    words = ("build", "--data", demo.data, "--out", tmp_path / "out", "--run", demo.run(0))
    code, text = command(*words, "--store", "s3://bucket/work")
    assert code == 2
    assert "--store are of a Ray cluster; found no --address" in text
    code, text = command(*words, "--store", "folder", "--address", "auto")
    assert code == 2
    assert "a URI begins with one of" in text
