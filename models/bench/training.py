"""A training step of DwiseNeuro with ten mice against the plain step, in speed and memory."""

import statistics
from typing import Literal

import torch

from models.bench.figure import Figure, less_is_better, more_is_better
from models.bench.fresh import Measured, measure
from models.bench.stepping import Size
from models.devices import usable_device

Where = Literal["all", "cpu", "cuda"]
STEPPING = "models.bench.stepping"
ROUNDS = 3
"""Each speed is the median of so many."""
GPU_BATCH = 32
GPU_STEPS = 30
PROMISES = {
    "step_ratio": "1.15 times better",
    "gpu_step_ratio": "3 times better",
    "gpu_clips_per_s": "1,000 clips/s",
}


def bench_training(size: Size, rounds: int = ROUNDS, where: Where = "all") -> list[Figure]:
    """Speed and memory in fresh processes, ours and the plain way in turns.

    `where` is cpu, cuda, or all that there is. UserError where a GPU is asked for and there is none.
    """
    if where == "cuda":
        usable_device(where)
    figures = [] if where == "cuda" else _on_cpu(size, rounds)
    if where != "cpu" and torch.cuda.is_available():
        figures += _on_gpu(size, rounds)
    return figures


def _on_gpu(size: Size, rounds: int) -> list[Figure]:
    gpu = size.model_copy(update={"device": "cuda", "batch": GPU_BATCH, "steps": GPU_STEPS})
    ours, plain = _in_turns(gpu, rounds)
    names = ("gpu_step_ratio", "gpu_clips_per_s")
    return [more_is_better(name, _speed(ours), "clips/s", _speed(plain)) for name in names]


def _on_cpu(size: Size, rounds: int) -> list[Figure]:
    ours, plain = _in_turns(size, rounds)
    peaks = [max(measured.peak_mb for measured in each) for each in (ours, plain)]
    return [
        more_is_better("step_ratio", _speed(ours), "clips/s", _speed(plain)),
        less_is_better("step_peak_mb", peaks[0], "MiB", peaks[1]),
    ]


def _in_turns(size: Size, rounds: int) -> tuple[list[Measured], list[Measured]]:
    """Our steps and the plain ones."""
    text = size.model_dump_json()
    ways = (f"{STEPPING}:our_steps", f"{STEPPING}:plain_steps")
    measured = [[measure(way, text) for way in ways] for _ in range(rounds)]
    return [pair[0] for pair in measured], [pair[1] for pair in measured]


def _speed(measured: list[Measured]) -> float:
    return statistics.median(each.result for each in measured)
