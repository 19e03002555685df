"""Distilled runs: what they learn, what they record, and which teachers are refused."""

import hashlib
import json
import shutil

import numpy as np
import pytest
import torch

from models.checkpoints import load_state, save_state
from models.config import load_config
from models.errors import ConfigurationError, ProblemsFound, RunError
from models.fit import Fit
from models.recordings.data_set import open_sessions
from models.runs import RunFolder
from models.trained import TrainedRun
from tests.models.tiny import config_of


def distilled(teachers, family="linear", weight=0.36, **changes):
    content = config_of(family, **changes).model_dump(mode="json")
    teaching = {"teachers": [str(teacher) for teacher in teachers], "weight": weight}
    return load_config(content | {"distillation": teaching})


def train(fit):
    while not fit.done:
        fit.train_epoch()
    fit.finish()
    return fit


def predictions_of(network, run, recordings):
    """Of the held-out trials' first film, all mice end to end."""
    record, found = TrainedRun.open(run, "cpu"), []
    for session in open_sessions(recordings):
        found.append(TrainedRun(record.folder, record.record, network).predict(session, 0).ravel())
    return np.concatenate(found)


def test_a_student_comes_to_respond_as_its_teacher(complete, recordings, tmp_path):
    """Which responds otherwise than the recordings do."""
    teacher = shutil.copytree(complete, tmp_path / "teacher")
    state = load_state(teacher / "weights.pt")
    for name in (name for name in state if name.endswith("bias")):
        state[name] += 1
    save_state(teacher / "weights.pt", state)
    changes = {"learning_rate": 0.05, "clips_per_epoch": 400, "ema_decay": 0.5}
    config = distilled([teacher], weight=0.99, **changes)
    fit = Fit(tmp_path / "run", config, recordings, "cpu")
    wanted = predictions_of(TrainedRun.open(teacher, "cpu").network, complete, recordings)
    before = np.abs(predictions_of(fit.training.averaged, complete, recordings) - wanted).mean()
    train(fit)
    after = np.abs(predictions_of(fit.training.averaged, complete, recordings) - wanted).mean()
    assert after < before / 4


def test_a_distilled_run_that_was_interrupted_goes_on_as_if_it_never_was(
    complete, recordings, tmp_path
):
    config = distilled([complete], "dwiseneuro", checkpoint_minutes=0)
    one = train(Fit(tmp_path / "one", config, recordings, "cpu"))
    Fit(tmp_path / "two", config, recordings, "cpu").train_epoch()
    torch.manual_seed(99)
    again = Fit(tmp_path / "two", config, recordings, "cpu")
    assert again.epoch == 1
    two = train(again)
    weights = [load_state(fit.folder.weights) for fit in (one, two)]
    assert weights[0].keys() == weights[1].keys()
    assert all(torch.equal(tensor, weights[1][name]) for name, tensor in weights[0].items())
    assert one.folder.status() == two.folder.status()
    plain = train(Fit(tmp_path / "three", config_of("dwiseneuro"), recordings, "cpu"))
    other = load_state(plain.folder.weights)
    assert not all(torch.equal(tensor, other[name]) for name, tensor in weights[0].items())


def test_the_record_tells_the_teachers_which_must_stay_the_same(complete, recordings, tmp_path):
    teacher, run = shutil.copytree(complete, tmp_path / "teacher"), tmp_path / "run"
    config = distilled([teacher], epochs=1)
    Fit(run, config, recordings, "cpu").train_epoch()
    (told,) = RunFolder(run).record().teachers
    digest = hashlib.sha256((teacher / "weights.pt").read_bytes()).hexdigest()
    assert (told.folder, told.weights_sha256) == (str(teacher), digest)
    assert RunFolder(run).record().config.distillation.weight == 0.36
    state = load_state(teacher / "weights.pt")
    save_state(teacher / "weights.pt", {name: tensor + 0 for name, tensor in state.items()})
    name = next(iter(state))
    save_state(teacher / "weights.pt", state | {name: state[name] + 1})
    with pytest.raises(RunError, match="have other weights than when it began"):
        Fit(run, config, recordings, "cpu")
    with pytest.raises(RunError, match="another configuration"):
        Fit(run, config_of(epochs=1), recordings, "cpu")


def changed(complete, folder, **changes):
    """A copy of a complete run with another record."""
    shutil.copytree(complete, folder)
    path = folder / "config.json"
    content = json.loads(path.read_text())
    content["config"]["data"] |= changes.pop("data", {})
    path.write_text(json.dumps(content | changes))
    return folder


def test_everything_that_keeps_teachers_from_teaching_is_told_at_once(
    complete, recordings, tmp_path
):
    mice = json.loads((complete / "config.json").read_text())["mice"]
    others = [mice[0] | {"unit_ids": mice[0]["unit_ids"][::-1]}, mice[1] | {"name": "stranger"}]
    origin = {"file": "a.pth", "sha256": "0", "fold": 0, "params": {}}
    teachers = {
        "absent": tmp_path / "absent",
        "fold": changed(complete, tmp_path / "fold", data={"fold": 1}),
        "tiers": changed(complete, tmp_path / "tiers", data={"tiers": ["train", "oracle"]}),
        "mice": changed(complete, tmp_path / "mice", mice=others),
        "size": changed(complete, tmp_path / "size", frame_size=[36, 64]),
        "open": changed(complete, tmp_path / "open"),
        "imported": changed(complete, tmp_path / "imported", imported=origin),
        "learnt": changed(complete, tmp_path / "learnt"),
        "good": complete,
    }
    (teachers["open"] / "status.json").unlink()
    shutil.rmtree(teachers["learnt"] / "predictions")
    with pytest.raises(ProblemsFound) as caught:
        Fit(tmp_path / "run", distilled(teachers.values()), recordings, "cpu")
    told = {name: [] for name in teachers}
    for problem in caught.value.problems:
        told[problem.where.removeprefix(f"{tmp_path}/")].append(f"{problem.rule}: {problem.found}")
    assert not told.pop("good", [])
    messages = {
        "absent": ["holds no run"],
        "fold": ["holds out what the student does: fold 0 of 2 of train: fold 1 of 2 of train"],
        "tiers": ["fold 0 of 2 of train: fold 0 of 2 of oracle and train"],
        "mice": ["in the same order: others", "knows the mouse"],
        "size": ["sees frames of 9x16 pixels, as the student does: 36x64"],
        "open": ["is a complete run: not ended"],
        "imported": ["an imported run, of which that is not known"],
        "learnt": ["is missing", "is missing"],
    }
    assert {name: len(each) for name, each in told.items()} == {
        name: len(each) for name, each in messages.items()
    }
    for name, wanted in messages.items():
        assert all(part in line for part, line in zip(wanted, told[name], strict=True)), name
    assert not (tmp_path / "run").exists()


def test_a_teacher_that_learnt_from_held_out_trials_is_refused(complete, recordings, tmp_path):
    """Folds may fall otherwise in other recordings of the same mice."""
    teacher = shutil.copytree(complete, tmp_path / "teacher")
    name = open_sessions(recordings)[0].name
    with np.load(teacher / f"predictions/{name}.npz") as archive:
        arrays = dict(archive)
    first, arrays["trials"] = int(arrays["trials"][0]), arrays["trials"] + 1000
    np.savez(teacher / f"predictions/{name}.npz", **arrays)
    with pytest.raises(ProblemsFound, match=f"found that it learnt from {first}"):
        Fit(tmp_path / "run", distilled([teacher]), recordings, "cpu")


def test_one_mouse_alone_has_no_other_readouts_to_teach(complete, recordings, tmp_path):
    alone = open_sessions(recordings)[0].path
    with pytest.raises(ProblemsFound, match="two mice at least"):
        Fit(tmp_path / "run", distilled([complete]), alone, "cpu")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"weight": 0},
        {"weight": 1},
        {"teachers": []},
        {"wieght": 0.5},
        {"shares": [0.5, 0.5]},
        {"shares": [0.9]},
        {"teachers": ["a", "b"], "shares": [0, 1]},
    ],
)
def test_a_section_that_is_wrong(wrong):
    with pytest.raises(ConfigurationError, match="distillation"):
        load_config({"distillation": {"teachers": ["run"]} | wrong})


def test_from_the_command_line(call, refused, complete, recordings, tmp_path):
    path, run = tmp_path / "config.json", tmp_path / "run"
    path.write_text(json.dumps(config_of("dwiseneuro", epochs=1).model_dump(mode="json")))
    words = ["distill", recordings, "--run", run, "--config", path, "--device", "cpu"]
    teachers = ["--teachers", complete, complete]
    refused([*words, "--teachers", tmp_path / "none"], "holds no run")
    refused([*words, *teachers, "--weight", "1.5"], "distillation.weight")
    code, printed, _ = call(*words, *teachers, "--weight", "0.5", "--set", "seed=4")
    assert (code, printed.count("validation correlation")) == (0, 1)
    assert f"next: python -m models score {run} --data {recordings}" in printed
    record = RunFolder(run).record()
    assert record.config == distilled([complete] * 2, "dwiseneuro", 0.5, epochs=1, seed=4)
    code, printed, _ = call(*words, *teachers, "--weight", "0.5", "--set", "seed=4")
    assert (code, "validation" in printed) == (0, False)
    code, printed, _ = call("score", run, "--data", recordings)
    assert (code, "oracle" in printed) == (0, True)
