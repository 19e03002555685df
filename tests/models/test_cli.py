"""The command line of one model: what it prints, and how it fails."""

import json
import shutil

import pytest

from models import predictions
from models.recordings.data_set import open_sessions
from models.runs import RunFolder
from tests.models.tiny import config_of


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config_of(epochs=1).model_dump(mode="json")))
    return path


def test_the_whole_way(call, config, tmp_path):
    data, run, out = tmp_path / "data", tmp_path / "run", tmp_path / "out"
    few = ("--mice", 1, "--neurons", 3, "--train-trials", 6, "--videos", 1, "--repeats", 1)
    code, printed, _ = call("synth", data, *few)
    assert (code, f"next: python -m models check {data}" in printed) == (0, True)
    code, printed, _ = call("check", data)
    assert (code, "sound" in printed) == (0, True)
    code, printed, _ = call("train", data, "--run", run, "--config", config, "--set", "seed=5")
    assert (code, printed.count("validation correlation")) == (0, 1)
    assert f"next: python -m models score {run} --data {data}" in printed
    assert RunFolder(run).record().config == config_of(epochs=1, seed=5)
    code, printed, _ = call(
        "predict", run, "--data", data, "--out", out, "--tier", "live_test_main"
    )
    (session,) = open_sessions(data)
    trials = session.trials("live_test_main")
    assert (code, f"{len(trials)} trials of live_test_main" in printed) == (0, True)
    assert list(predictions.read(out, session.name)) == trials
    code, printed, _ = call("score", run, "--data", data)
    assert (code, "final_test_bonus" in printed, "ceiling" in printed) == (0, True, True)


def test_a_complete_run_is_only_told_what_is_next(call, complete, recordings):
    path = complete.parent / "same.json"
    path.write_text(json.dumps(config_of().model_dump(mode="json")))
    code, printed, _ = call("train", recordings, "--run", complete, "--config", path)
    assert code == 0
    assert "epoch" not in printed


def test_the_ceiling_alone_in_raw_and_the_server_s_units(call, recordings):
    printed = [call("score", "--data", recordings, *more) for more in ((), ("--raw",))]
    assert [code for code, _, _ in printed] == [0, 0]
    assert printed[0][1] != printed[1][1]


def test_unsound_recordings_are_told_with_every_problem(call, recordings, tmp_path):
    session = shutil.copytree(open_sessions(recordings)[0].path, tmp_path / "data/mouse")
    (session / "meta/neurons/unit_ids.npy").unlink()
    (session / "data/videos/1.npy").write_bytes(b"short")
    code, _, errors = call("check", session.parent)
    assert code == 1
    assert "unit_ids.npy" in errors
    assert "1.npy" in errors


def test_a_training_that_fails(call, config, recordings, tmp_path):
    settings = ("training.learning_rate=1e30", "training.warmup=0", "training.clips_per_epoch=80")
    sets = [word for setting in settings for word in ("--set", setting)]
    code, _, errors = call("train", recordings, "--run", tmp_path / "r", "--config", config, *sets)
    assert code == 1
    assert "failed: the loss is" in errors
    assert "learning_rate" in errors


MISTAKES = {
    "check of no recording": (["check", "{empty}"], "holds no recording"),
    "check of no folder": (["check", "{empty}/none"], "there is no folder"),
    "train on no recording": (["train", "{empty}", "--run", "{new}"], "holds no recording"),
    "unknown key": (["train", "{data}", "--run", "{new}", "--set", "training.epohcs=3"], "epochs"),
    "no value": (["train", "{data}", "--run", "{new}", "--set", "seed"], "name=value"),
    "no YAML": (["train", "{data}", "--run", "{new}", "--set", "seed=@"], "is not YAML"),
    "no file": (["train", "{data}", "--run", "{new}", "--config", "{new}"], "cannot read"),
    "other run": (
        ["train", "{data}", "--run", "{run}", "--set", "seed=8"],
        "another configuration",
    ),
    "no device": (["train", "{data}", "--run", "{new}", "--device", "abacus"], "is no device"),
    "score of no run": (["score", "{new}", "--data", "{data}"], "holds no run"),
    "score without truth": (["score", "--data", "{data}", "--truth", "{empty}"], "no truth"),
    "predict of no run": (["predict", "{new}", "--data", "{data}", "--out", "{new}"], "no run"),
    "unknown tier": (
        ["predict", "{run}", "--data", "{data}", "--out", "{new}", "--tier", "life"],
        "there is no tier 'life'",
    ),
    "taken folder": (["synth", "{data}"], "is taken"),
    "no mouse": (["synth", "{new}", "--mice", "0", "--repeats", "0"], "must be 1 or more"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_with_the_next_step(refused, complete, recordings, tmp_path, mistake):
    words, message = MISTAKES[mistake]
    places = {"data": recordings, "run": complete, "new": tmp_path / "new", "empty": tmp_path}
    refused([word.format(**places) for word in words], message)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("words", [["trian"], ["train"], ["synth", "x", "--mice", "many"]])
def test_a_wrong_command_is_a_usage_error(call, words):
    code, _, errors = call(*words)
    assert code == 2
    assert "Usage: python -m models" in errors


def test_help_names_every_command_and_the_next_thing_to_type(call):
    code, printed, _ = call("--help")
    assert code == 0
    for command in ("check", "synth", "train", "predict", "score", "python -m models synth"):
        assert command in printed
    assert "Next: python -m models score" in call("train", "--help")[1]
