"""The whole road of every family, off its defaults: from clips of any kind to a tier's scores."""

import json

import numpy as np
import pytest

from models.config import load_config
from models.networks.registry import CONFIGS, FAMILIES
from models.recordings.data_set import open_sessions
from models.runs import RunFolder
from models.trained import TrainedRun
from tests.models.tiny import NETWORKS

ROADS = [
    (family, change)
    for family in FAMILIES
    for change in (
        {"frame_step": 3},
        {"output": "elu", "scale_outputs": False},
        {"output": "exp"},
        {"output": "softplus", "learn_beta": True, "softplus_beta": 0.5},
        *([{"causal": False}] if "causal" in CONFIGS[family].model_fields else []),
    )
]


@pytest.mark.parametrize(("family", "change"), ROADS, ids=str)
def test_train_predict_and_score(call, recordings, tmp_path, family, change):
    content = {
        "network": NETWORKS[family] | change,
        "data": {"folds": 2, "downsample": 4},
        "training": {"epochs": 1, "clips_per_epoch": 8, "batch_size": 4},
        "inference": {"windows": 2},
    }
    config, run = tmp_path / "config.json", tmp_path / "run"
    config.write_text(json.dumps(content))
    words = ("--run", run, "--config", config, "--device", "cpu")
    assert call("train", recordings, *words)[0] == 0
    assert RunFolder(run).record().config == load_config(content)
    assert RunFolder(run).status().state == "complete"
    code, printed, _ = call("score", run, "--data", recordings, "--raw")
    assert code == 0
    assert "live_test_bonus" in printed
    session = open_sessions(recordings)[0]
    trial = session.trials("oracle")[0]
    predicted = TrainedRun.open(run, "cpu").predict(session, trial)
    assert predicted.shape == (session.neurons, session.length(trial))
    assert np.isfinite(predicted).all()
    assert (predicted >= 0).all()
