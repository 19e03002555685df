"""A trial predicted in batches of windows against one window at a time, by DwiseNeuro."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from models.bench.figure import Figure, more_is_better
from models.devices import usable_device
from models.inference import Predictor
from models.networks.dwiseneuro import DwiseNeuro, DwiseNeuroConfig
from models.networks.network import Mouse, Network, width_of_clip
from models.recordings.layout import HEIGHT, WIDTH

Array = npt.NDArray[np.float32]

ROUNDS = 3
"""Each speed is the median of so many, taken in turns with the plain way's."""
PROMISES = {"inference_ratio": "on a GPU 10 times better"}
SMALL = DwiseNeuroConfig(
    core_features=(16, 16, 32, 32),
    spatial_strides=(2, 1, 2, 1),
    expansion_ratio=3,
    cortex_features=(256, 512),
)
TOLERANCE = {"cpu": 1e-5, "cuda": 1e-2}
"""Of the largest response, how far both ways may differ: GPUs round factors to ten bits (TF32)."""


@dataclass(frozen=True)
class Size:
    """What is predicted, by what, where."""

    network: DwiseNeuroConfig
    neurons: int = 7863
    frames: int = 300
    device: str = "auto"

    @classmethod
    def fitting(cls, neurons: int, frames: int, device: str = "auto") -> "Size":
        """The winner's size on a GPU, a small one elsewhere."""
        full = usable_device(device).type == "cuda"
        return cls(DwiseNeuroConfig() if full else SMALL, neurons, frames, device)


def bench_inference(size: Size, rounds: int = ROUNDS) -> list[Figure]:
    """Frames a second. Raises ArithmeticError unless both ways predict the same."""
    device = usable_device(size.device)
    torch.manual_seed(0)
    mice = [Mouse.of_size("mouse", size.neurons)]
    network = DwiseNeuro(size.network, mice, (HEIGHT, WIDTH)).to(device).eval()
    predictor = Predictor(network, size.network)
    video, behaviour = _trial(size.frames)
    ways: list[Callable[[], Array]] = [
        lambda: predictor.predict(video, behaviour, 0),
        lambda: one_at_a_time(network, size.network, video, behaviour),
    ]
    if device.type == "cuda":
        _check_same([way() for way in ways], TOLERANCE["cuda"])  # which also warms it up
    measured = [[_timed(way) for way in ways] for _ in range(rounds)]
    _check_same([values for _, values in measured[0]], TOLERANCE[device.type])
    ours, plain = (
        size.frames / statistics.median(each[way][0] for each in measured) for way in (0, 1)
    )
    return [more_is_better("inference_ratio", ours, "frames/s", plain)]


@torch.no_grad()
def one_at_a_time(
    network: Network, config: DwiseNeuroConfig, video: Array, behaviour: Array
) -> Array:
    """(N, T) the plain way, which is the winner's: a window at every start, averaged in numpy."""
    device = next(network.parameters()).device
    length, width = len(video), width_of_clip(config)
    total, count = None, np.zeros(length, np.float32)
    for start in range(length - width + 1):
        index = np.arange(start, start + width, config.frame_step)
        clip = torch.from_numpy(video[index]).to(device)
        states = torch.from_numpy(behaviour[:, index]).to(device)
        response = network(clip[None], states[None], [(0, slice(None))])[0][0].cpu().numpy()
        total = np.zeros((len(response), length), np.float32) if total is None else total
        total[:, index] += response
        count[index] += 1
    assert total is not None
    mean: Array = total / count
    return mean


def _trial(frames: int) -> tuple[Array, Array]:
    """A video (T, H, W) and behaviour (4, T) of noise."""
    generator = np.random.default_rng(0)
    video = generator.uniform(0, 255, (frames, HEIGHT, WIDTH)).astype(np.float32)
    return video, generator.normal(size=(4, frames)).astype(np.float32)


def _timed(way: Callable[[], Array]) -> tuple[float, Array]:
    began = time.perf_counter()
    values = way()
    return time.perf_counter() - began, values


def _check_same(predictions: list[Array], tolerance: float) -> None:
    ours, plain = predictions
    difference = float(np.abs(ours - plain).max() / np.abs(plain).max())
    if not difference <= tolerance:
        raise ArithmeticError(f"both ways predict the same within {tolerance}; found {difference}")
