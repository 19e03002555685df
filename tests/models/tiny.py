"""Configurations, mice and trials small enough to train in a test."""

import numpy as np

from models.config import load_config
from models.networks.network import Mouse
from models.recordings.trials import Trial

NETWORKS = {
    "linear": {"family": "linear", "clip_frames": 40, "filters": 1, "history": 5},
    "motion_energy": {
        "family": "motion_energy",
        "clip_frames": 40,
        "units": 3,
        "history": 4,
        "response_history": 5,
    },
    "dwiseneuro": {
        "family": "dwiseneuro",
        "clip_frames": 8,
        "frame_step": 2,
        "core_features": [4, 6],
        "spatial_strides": [2, 2],
        "expansion_ratio": 2,
        "cortex_features": [8],
        "scale_outputs": True,
    },
}
"""A network of every family."""


def config_of(family="linear", seed=0, data=None, inference=None, **training):
    """A run of two short epochs on two folds."""
    return load_config(
        {
            "network": NETWORKS[family],
            "data": {"folds": 2, "downsample": 4} | (data or {}),
            "training": {"epochs": 2, "clips_per_epoch": 12, "batch_size": 4} | training,
            "inference": {"stride": 50} | (inference or {}),
            "seed": seed,
        }
    )


def mouse_of(neurons, name="mouse"):
    """A mouse with magnitudes as in the competition, the neurons' all different."""
    scale = np.linspace(1, 2, max(neurons, 1), dtype=np.float32)[:neurons]
    four = np.arange(1, 5, dtype=np.float32)
    return Mouse(name, neurons, 5 * scale, 10 * scale, four, four / 2)


def trial_of(number, length, neurons, size=(9, 16)):
    """A trial in which every value tells trial, frame and neuron, pixel or channel."""
    frame = np.arange(length, dtype=np.float32)
    pixels = np.arange(size[0] * size[1], dtype=np.float32).reshape(size) / 256
    rows = 100.0 * number + frame + 1000 * np.arange(neurons, dtype=np.float32)[:, None]
    return Trial(
        number=number,
        group="00",
        video=(number + frame[:, None, None] + pixels).astype(np.float16),
        behaviour=rows[:1] + 1000 * np.arange(4, dtype=np.float32)[:, None],
        responses=rows.astype(np.float32),
    )
