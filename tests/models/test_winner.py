"""The winner's published checkpoints as run folders."""

import hashlib
import json
import shutil

import numpy as np
import pytest
import torch

from models import predictions
from models.checkpoints import load_state
from models.errors import ProblemsFound, RunError
from models.imports import import_checkpoints
from models.networks.dwiseneuro import DwiseNeuro, DwiseNeuroConfig
from models.networks.network import Mouse
from models.networks.registry import build
from models.recordings.data_set import open_sessions
from models.recordings.session import fingerprint
from models.runs import RunFolder
from models.trained import TrainedRun
from tests.models.generated_sessions import Plan, Trial, write
from tests.shared_files import shared

NAME = "model-017-0.293200.pth"
TRIALS = {0: Trial("train", 56), 1: Trial("oracle", 56), 2: Trial("live_test_main", 56)}


def recordings_of(folder, **neurons):
    for seed, (name, count) in enumerate(neurons.items()):
        write(folder, Plan(TRIALS, neurons=count, size=(36, 64), seed=seed), name)
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Two mice in another order than the checkpoint's readouts, which have 5 and 7 neurons."""
    return recordings_of(tmp_path_factory.mktemp("winner") / "data", a=7, b=5)


@pytest.fixture(scope="module")
def published():
    return shared(f"golden/{NAME}")


@pytest.fixture(scope="module")
def golden():
    with np.load(shared("golden/dwiseneuro_forward.npz")) as archive:
        return dict(archive)


@pytest.fixture(scope="module")
def imported(data, published, tmp_path_factory):
    to = tmp_path_factory.mktemp("imported") / "run"
    import_checkpoints([published], to, data)
    return to


@pytest.fixture
def changed(published, tmp_path):
    """Writes the checkpoint with changes to its content."""

    def changed(change, name=NAME):
        content = torch.load(published, weights_only=True)
        change(content)
        torch.save(content, tmp_path / name)
        return tmp_path / name

    return changed


def argument(name, value):
    return lambda content: content["params"]["nn_module"][1].update({name: value})


def parameter(name, value):
    return lambda content: content["params"].update({name: value})


def assert_close(ours, theirs):
    """Within 1e-4 of the largest value: relative errors of values near 0 mean nothing."""
    assert np.abs(ours - theirs).max() <= 1e-4 * np.abs(theirs).max()


def hasten(run):
    """Predict with few windows, for a test's time alone."""
    content = json.loads((run / "config.json").read_text())
    content["config"]["inference"] = {"stride": 32}
    (run / "config.json").write_text(json.dumps(content))


def network_of(run):
    record = RunFolder(run).record()
    mice = [Mouse.of_size(mouse.name, len(mouse.unit_ids)) for mouse in record.mice]
    network = build(record.config.network, mice, record.frame_size)
    network.load_state_dict(load_state(RunFolder(run).weights))
    return network.eval()


def test_an_imported_run_has_the_winners_outputs(imported, golden):
    network = network_of(imported)
    with torch.no_grad():
        features = network.features_of(torch.from_numpy(golden["x"]))
        for mouse, readout in enumerate((1, 0)):  # session a has the 7 neurons
            states = torch.zeros(2, 4, 16)
            assert_close(network.read(mouse, features, states).numpy(), golden[f"y{readout}"])


def test_the_film_is_the_winners():
    """The frame in the middle of a square of zeros; behaviour fills all of it."""
    network = DwiseNeuro(DwiseNeuroConfig(core_features=(4,), spatial_strides=(1,)), [], (5, 8))
    video, behaviour = 1 + torch.rand(2, 3, 5, 8), torch.rand(2, 4, 3)
    film = network.film(video, behaviour)
    assert film.shape == (2, 5, 3, 8, 8)
    assert torch.equal(film[:, 0, :, 1:6], video)
    assert not film[:, 0, :, [0, 6, 7]].any()
    assert torch.equal(film[:, 1:], behaviour[..., None, None].expand(-1, -1, -1, 8, 8))


def test_whole_trials_are_predicted_as_the_winner_does(imported, data):
    run, network = TrainedRun.open(imported, "cpu"), network_of(imported)
    session = open_sessions(data)[1]
    video, behaviour = (torch.from_numpy(read(2)) for read in (session.video, session.behaviour))
    total, count = np.zeros((5, 56)), np.zeros(56)
    for start in range(56 - 30):
        frames = slice(start, start + 31, 2)
        with torch.no_grad():
            inputs = video[None, frames], behaviour[None, :, frames]
            total[:, frames] += network(*inputs, [(1, slice(None))])[0][0].numpy()
        count[frames] += 1
    assert_close(run.predict(session, 2), total / count)


def test_the_record_tells_where_the_run_came_from(imported, data, published):
    record, status = RunFolder(imported).record(), RunFolder(imported).status()
    sessions = open_sessions(data)
    assert [mouse.unit_ids for mouse in record.mice] == [s.unit_ids.tolist() for s in sessions]
    assert (record.fingerprint, record.frame_size) == (fingerprint(sessions), (36, 64))
    assert record.imported.file == str(published)
    assert record.imported.sha256 == hashlib.sha256(published.read_bytes()).hexdigest()
    assert record.imported.fold is None
    assert record.imported.params["optimizer"] == ["AdamW", {"lr": 0.0024, "weight_decay": 0.05}]
    assert (record.config.data.tiers, record.config.data.folds) == (("train", "oracle"), 7)
    assert (status.state, status.epoch, status.epochs) == ("complete", 17, 17)
    assert status.score == 0.2932
    assert "the file's name claims epoch and score" in status.reason
    with pytest.raises(RunError, match="is missing"):
        predictions.read(imported, "a")


def test_every_argument_of_the_winners_network_reaches_ours(imported, published):
    told = torch.load(published, weights_only=True)["params"]["nn_module"][1]
    network = RunFolder(imported).record().config.network.model_dump()
    ours = {name: network[name] for name in told if name in network}
    assert ours == {k: v for k, v in told.items() if k not in ("readout_outputs", "in_channels")}
    assert (network["clip_frames"], network["frame_step"]) == (16, 2)
    assert network["pad_to_square"]
    assert not network["scale_outputs"]


def test_the_folds_of_a_configuration_are_numbered_folders(call, data, published, tmp_path):
    folders = [tmp_path / f"fold_{fold}" for fold in (4, 6)]
    files = [
        shutil.copytree(published.parent, f, ignore=shutil.ignore_patterns("*.npz", "*.br*")) / NAME
        for f in folders
    ]
    run, out = tmp_path / "run", tmp_path / "out"
    code, printed, _ = call("import-winner", *files, "--to", run, "--data", data)
    assert code == 0
    assert "claims epoch 17 and score 0.2932" in printed
    assert f"next: python -m models score {run}/0 --data {data}" in printed
    records = [RunFolder(run / number).record() for number in ("0", "1")]
    assert [record.config.data.fold for record in records] == [4, 6]
    assert [record.imported.fold for record in records] == [4, 6]
    for number in ("0", "1"):
        hasten(run / number)
    words = ("predict", run / "1", "--data", data, "--out", out, "--tier", "live_test_main")
    assert call(*words)[0] == 0
    (session, _) = open_sessions(data)
    ours = TrainedRun.open(run / "0", "cpu").predict(session, 2)
    np.testing.assert_allclose(predictions.read(out, "a")[2], ours, rtol=2e-3, atol=1e-4)
    code, printed, _ = call("score", run / "0", "--data", data)
    assert (code, "oracle (trained on)" in printed) == (0, True)


def test_readouts_of_other_mice_are_dropped_and_told(call, published, golden, tmp_path):
    data = recordings_of(tmp_path / "data", only=7)
    code, printed, _ = call("import-winner", published, "--to", tmp_path / "r", "--data", data)
    assert (code, "lacks: 0 (5 neurons)" in printed) == (0, True)
    with torch.no_grad():
        network = network_of(tmp_path / "r")
        features = network.features_of(torch.from_numpy(golden["x"]))
        assert_close(network.read(0, features, torch.zeros(2, 4, 16)).numpy(), golden["y1"])
    assert RunFolder(tmp_path / "r").weights.stat().st_size < published.stat().st_size


def test_names_tell_readouts_that_numbers_of_neurons_do_not(refused, call, changed, tmp_path):
    def same(content):
        argument("readout_outputs", (5, 5))(content)
        for part in ("weight", "bias"):
            state = content["nn_state_dict"]
            state[f"readouts.1.layer.1.{part}"] = state[f"readouts.1.layer.1.{part}"][:6]

    file, data = changed(same), recordings_of(tmp_path / "data", a=5, b=5)
    words = ["import-winner", file, "--to", tmp_path / "run", "--data", data]
    refused(words, "readout 0, 1 and 2 sessions of as many; name the mouse of each with --mice")
    for names, message in (
        ("a", "names the mouse of each of its 2 readouts; found 1 names"),
        ("a,c", "b of 5 neurons: has one readout, by --mice; found none"),
    ):
        refused([*words, "--mice", names], message)
    assert not (tmp_path / "run").exists()
    assert call(*words, "--mice", "b,a")[0] == 0
    bias = torch.load(file, weights_only=True)["nn_state_dict"]["readouts.1.layer.1.bias"]
    assert torch.equal(load_state(tmp_path / "run/weights.pt")["readouts.0.conv.bias"], bias)


def test_a_file_of_another_name_claims_nothing(data, changed, tmp_path):
    import_checkpoints([changed(lambda _: None, "best.pth")], tmp_path / "run", data)
    status = RunFolder(tmp_path / "run").status()
    assert (status.state, status.epoch, status.score) == ("complete", 0, None)
    assert "claims nothing" in status.reason


WRONG = {
    "another network": (
        parameter("nn_module", ("uneuro", {"width": 3})),
        ['nn_module.name: is "dwiseneuro"; found "uneuro"', "nn_module.width", "core_features"],
    ),
    "an unknown argument": (argument("gamma", 1), ["nn_module.gamma: is a parameter of the"]),
    "an unknown parameter": (parameter("tta", True), ["tta: is a parameter of the published"]),
    "other channels": (argument("in_channels", 3), ["nn_module.in_channels: is 5; found 3"]),
    "another padding": (
        parameter("inputs_processor", ("stack_inputs", {"size": (64, 36), "pad_fill_value": 1.0})),
        ["inputs_processor.size: is [64, 64]; found [64, 36]", "pad_fill_value: is 0; found 1.0"],
    ),
    "another position": (
        parameter("frame_stack", {"size": 16, "step": 2, "position": "first"}),
        ['frame_stack.position: is "last"; found "first"'],
    ),
    "other responses": (
        parameter("responses_processor", ("log", {"base": 2})),
        ['responses_processor.name: is "identity"; found "log"', "responses_processor.base"],
    ),
    "no frame stack": (
        lambda content: content["params"].pop("frame_stack"),
        ["frame_stack.size: is given; found nothing", "frame_stack.position: is given"],
    ),
    "another kernel": (argument("spatial_kernel", 9), ["network.spatial_kernel", "found 9"]),
    "no neurons": (argument("readout_outputs", 5), ["lists the number of neurons of each mouse"]),
    "other sizes": (
        argument("cortex_features", (16, 64)),
        ["cortex.1.conv.weight (our name) is 64x8x1; found 32x8x1", "readouts.0.conv.weight"],
    ),
    "a weight too few": (
        lambda content: content["nn_state_dict"].pop("core.stem.0.weight"),
        ["core.0.0.weight (our name) is 6x5x1x1x1; found absent"],
    ),
    "a weight too many": (
        lambda content: content["nn_state_dict"].update({"extra": torch.ones(2)}),
        ["extra (our name) is absent; found 2"],
    ),
    "no tensors": (
        lambda content: content.update(nn_state_dict={"a": 1}),
        ["nn_state_dict: holds named tensors; found dict"],
    ),
    "no parameters": (lambda c: c.update(params=[]), ["params: holds named values; found list"]),
    "another file": (
        lambda content: content.pop("params"),
        ["holds model_name, nn_state_dict, par"],
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_not_known_is_refused_and_never_guessed(data, changed, tmp_path, wrong):
    change, messages = WRONG[wrong]
    with pytest.raises(ProblemsFound) as caught:
        import_checkpoints([changed(change)], tmp_path / "run", data)
    for message in messages:
        assert message in caught.value.message
    assert not (tmp_path / "run").exists()


def test_the_problems_of_all_files_are_told_at_once(refused, data, published, changed, tmp_path):
    cut, junk = tmp_path / "cut.pth", tmp_path / "junk.pth"
    cut.write_bytes(published.read_bytes()[:-500])
    junk.write_bytes(b"junk")
    files = [cut, junk, tmp_path / "absent.pth", changed(argument("in_channels", 3)), published]
    words = ["import-winner", *files, "--to", tmp_path / "run", "--data", data]
    refused(words, "the checkpoints: 4 problems")
    with pytest.raises(ProblemsFound) as caught:
        import_checkpoints(files, tmp_path / "run", data)
    for file in files[:4]:
        assert str(file) in caught.value.message
    assert not (tmp_path / "run").exists()


class Danger:
    """What a pickle could run."""

    def __reduce__(self):
        return print, ("danger",)


def test_a_file_that_would_run_code_is_refused(data, changed, tmp_path, capsys):
    file = changed(lambda content: content["params"].update(loss=Danger()))
    with pytest.raises(ProblemsFound, match="is a checkpoint that torch can read"):
        import_checkpoints([file], tmp_path / "run", data)
    assert "danger" not in capsys.readouterr().out


def test_recordings_of_other_mice_or_frames(published, tmp_path):
    more = recordings_of(tmp_path / "more", a=7, b=5, c=6)
    with pytest.raises(ProblemsFound, match="c of 6 neurons: has one readout, by the number"):
        import_checkpoints([published], tmp_path / "run", more)
    write(tmp_path / "small", Plan(TRIALS, neurons=5, size=(9, 16)), "a")
    with pytest.raises(ProblemsFound, match=r"size: is \[16, 16\]; found \[64, 64\]"):
        import_checkpoints([published], tmp_path / "run", tmp_path / "small")
    assert not (tmp_path / "run").exists()


def test_a_taken_folder_is_left(imported, data, published):
    before = (imported / "config.json").read_text()
    for to, files in ((imported, [published]), (imported.parent / "run", [published] * 2)):
        with pytest.raises(RunError, match="already holds a run"):
            import_checkpoints(files, to, data)
    assert (imported / "config.json").read_text() == before
    assert json.loads(before)["imported"]["params"]["frame_stack"]["position"] == "last"
