"""Configurations, mice and trials small enough to train in a test."""

from dataclasses import dataclass

import numpy as np
import torch

from models.config import load_config
from models.networks.network import Mouse
from models.recordings.arrays import TrialArrays, joined, moments
from models.recordings.clips import ClipSampler, Pool
from models.recordings.feed import Direct
from models.recordings.trials import MouseTrials, Trial

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
    "factorized": {
        "family": "factorized",
        "clip_frames": 20,
        "channels": [4, 6],
        "spatial_kernels": [5, 3],
        "temporal_kernels": [4, 3],
        "spatial_strides": [1, 2],
    },
    "gru": {
        "family": "gru",
        "clip_frames": 60,
        "rotations": 4,
        "filters": 2,
        "core_kernels": [5, 3],
        "channels": 6,
        "pooling": 2,
        "warm_up": 50,
    },
    "vivit": {
        "family": "vivit",
        "clip_frames": 10,
        "patch_frames": 3,
        "embedding": 8,
        "spatial_depth": 1,
        "temporal_depth": 1,
        "heads": 2,
        "head_size": 4,
        "mlp_features": 12,
    },
    "swin": {
        "family": "swin",
        "clip_frames": 9,
        "embedding": 8,
        "window": [2, 3, 3],
        "blocks": 2,
        "heads": 2,
        "mlp_features": 12,
        "readout_levels": [1, 2],
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


@dataclass
class MadeUp:
    """A trial that lies in no session."""

    number: int
    video: np.ndarray  # (T, H, W)
    behaviour: np.ndarray  # (4, T)
    responses: np.ndarray  # (N, T)

    @property
    def length(self):
        return len(self.video)


def trial_of(number, length, neurons, size=(9, 16)):
    """A trial in which every value tells trial, frame and neuron, pixel or channel."""
    frame = np.arange(length, dtype=np.float32)
    pixels = np.arange(size[0] * size[1], dtype=np.float32).reshape(size) / 256
    rows = 100.0 * number + frame + 1000 * np.arange(neurons, dtype=np.float32)[:, None]
    return MadeUp(
        number=number,
        video=(number + frame[:, None, None] + pixels).astype(np.float16),
        behaviour=rows[:1] + 1000 * np.arange(4, dtype=np.float32)[:, None],
        responses=rows.astype(np.float32),
    )


def mouse_trials(trials, session=None):
    """One mouse's made-up trials, exact and end to end."""
    held = [TrialArrays(t.video, t.behaviour.T.copy(), t.responses.T.copy()) for t in trials]
    firsts = np.cumsum([0, *(trial.length for trial in trials)])
    placed = [
        Trial(trial.number, "00", trial.length, int(first), int(first))
        for trial, first in zip(trials, firsts, strict=False)
    ]
    each = {t.number: moments(h.responses) for t, h in zip(trials, held, strict=True)}
    arrays = joined(held, held[0].responses.shape[1])
    return MouseTrials(session, arrays, tuple(placed), each.__getitem__)


def pools_of(mice):
    """A pool of all trials of each mouse."""
    return [Pool.of(mouse, mouse.trials) for mouse in map(mouse_trials, mice)]


def feed_of_trials(mice, network, batch_size, seed):
    """Batches of made-up trials on the CPU."""
    return Direct(ClipSampler(pools_of(mice), network, batch_size, seed), torch.device("cpu"))
