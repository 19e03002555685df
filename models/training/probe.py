"""The largest batch, tried before a training begins or goes on: what does not fit costs seconds.

One forward and backward, with the losses and the precision of the training; then one held-out trial.
Held meanwhile is as much memory as AdamW's state takes, which appears with the first step. Gradients are
dropped: the training is the same, bit for bit, as without it.

On an accelerator alone: on a CPU, an allocation beyond the memory that is there raises nothing, and the
process is killed when it writes to it.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from models.devices import wait_for
from models.recordings.clips import ClipBatch
from models.training.failure import TrainingFailed
from models.training.held_out import HeldOut
from models.training.loop import Training
from models.training.memory import REMEDY, is_out_of_memory
from models.training.parts import parts_of

STATES = 2
"""Tensors of each weight's size that AdamW keeps."""


@dataclass(frozen=True)
class Probed:
    """What was found."""

    seconds: float
    """That it took, with what is compiled meanwhile."""
    gigabytes: float | None
    """The most that tensors took on the device, all told; None where that is not counted."""


def is_probed(device: torch.device) -> bool:
    """Whether a lack of memory can be tried out on this device."""
    return device.type == "cuda"


def probe(training: Training, held_out: HeldOut) -> Probed:
    """Try the largest batch of the next ones, and the largest held-out trial.

    Halves the portion where the memory is too small for the batch, as a step does. Raises
    TrainingFailed where that does not help, and where the trial does not fit.
    """
    began, device = time.perf_counter(), training.device
    training.network.train()
    with _without_a_trace(training):
        state_to_come: list[Tensor] = []
        while not _fits(training, state_to_come):
            state_to_come.clear()
            training.portion.halve(f"the probe before step {training.step + 1}")
        wait_for(device)
        counted = device.type == "cuda"
        gigabytes = torch.cuda.max_memory_allocated(device) / 1e9 if counted else None
        _predict(training, held_out)
    return Probed(time.perf_counter() - began, gigabytes)


def largest_batch(training: Training) -> ClipBatch:
    """That of the next batches whose largest part reads the most neurons.

    A batch's mice follow from its step, and repeat after as many steps as there are mice.
    """
    steps = range(training.step, training.step + len(training.network.readouts))
    batches = (training.feed.batch(step) for step in steps)
    return max(batches, key=lambda batch: _responses_at_once(batch, training.portion.clips))


def _responses_at_once(batch: ClipBatch, clips: int) -> int:
    """The most responses that a part of the batch has; video and behaviour are alike for all."""
    return max(sum(each.numel() for each in part.responses) for part in parts_of(batch, clips))


def _fits(training: Training, state_to_come: list[Tensor]) -> bool:
    """Whether there is memory for the gradients of the largest batch, beside the optimiser's state."""

    def batch() -> ClipBatch:
        state_to_come.extend(_state_to_come(training.optimizer))
        largest = largest_batch(training)
        if training.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(training.device)
        return largest

    return training.gradients(batch) is not None


def _state_to_come(optimizer: torch.optim.Optimizer) -> Iterator[Tensor]:
    """As much memory as the optimiser will take for the weights that it has no state of yet."""
    for group in optimizer.param_groups:
        for weight in group["params"]:
            if weight not in optimizer.state:
                yield from (torch.empty_like(weight) for _ in range(STATES))


def _predict(training: Training, held_out: HeldOut) -> None:
    """Predict the largest held-out trial, beside gradients and the optimiser's state."""
    try:
        held_out.try_largest(training.averaged)
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        reason = "out of memory in the probe of the validation, for a single window or trial"
        raise TrainingFailed(reason, REMEDY) from error


@contextmanager
def _without_a_trace(training: Training) -> Iterator[None]:
    """Drop gradients, and put random state and what batches leave in the network back as it was."""
    devices = [training.device] if training.device.type == "cuda" else []
    before = [(buffer, buffer.clone()) for buffer in training.network.buffers()]
    with torch.random.fork_rng(devices):
        try:
            yield
        finally:
            training.optimizer.zero_grad(set_to_none=True)
            with torch.no_grad():
                for buffer, content in before:
                    buffer.copy_(content)
