"""What is changed in a published checkpoint, and what its run is asked."""

import json

import numpy as np

from models.checkpoints import load_state
from models.networks.network import Mouse
from models.networks.registry import build
from models.runs import RunFolder
from tests.models.generated_sessions import Plan, Trial, write

NAME = "model-017-0.293200.pth"
TRIALS = {0: Trial("train", 56), 1: Trial("oracle", 56), 2: Trial("live_test_main", 56)}


def recordings_of(folder, **neurons):
    for seed, (name, count) in enumerate(neurons.items()):
        write(folder, Plan(TRIALS, neurons=count, size=(36, 64), seed=seed), name)
    return folder


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
