"""The winner's published checkpoints as run folders."""

import hashlib
import shutil

import numpy as np
import pytest
import torch

from models import predictions
from models.checkpoints import load_state
from models.errors import RunError
from models.imports import import_checkpoints
from models.networks.dwiseneuro import DwiseNeuro, DwiseNeuroConfig
from models.recordings.data_set import open_sessions
from models.recordings.session import fingerprint
from models.runs import RunFolder
from models.trained import TrainedRun
from tests.models.winner.files import (
    NAME,
    argument,
    assert_close,
    hasten,
    network_of,
    recordings_of,
)


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
