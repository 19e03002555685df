"""The training loop: batches, CutMix, autocast, AdamW, averaged weights.

Batches, dropout and CutMix of a step follow from (seed, step) alone, by numpy's SeedSequence, which
is the same in every process: a training that continues from its state, taken after any step, equals
one that never stopped. On a CPU it does so bit for bit.
"""

import time
from collections.abc import Callable
from math import sqrt
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from models.config import RunConfig
from models.devices import autocast_type, wait_for
from models.networks.network import Network
from models.recordings.clips import ClipBatch
from models.recordings.cutmix import cutmix
from models.recordings.feed import Feed
from models.training.finite import FiniteLoss
from models.training.groups import parameter_groups
from models.training.kernels import check_compiled, compile_parts, lay_channels_last
from models.training.memory import Portion, is_out_of_memory
from models.training.objective import Objective, ResponseLoss
from models.training.parts import parts_of
from models.training.schedule import Schedule


class Training:
    """One network being trained. `objective` may be exchanged before the first step."""

    objective: Objective

    def __init__(
        self, config: RunConfig, network: Network, feed: Feed, device: torch.device, trials: float
    ) -> None:
        """`trials`: the training trials of a mouse, mean over mice, for the organisers' scale."""
        self.config, self.feed, self.device, self.trials = config, feed, device, trials
        self.network = network.to(device)
        settings = config.training
        self.objective = ResponseLoss(settings)
        self.steps_per_epoch = max(settings.clips_per_epoch // settings.batch_size, 1)
        self.step = 0
        self.first_step_seconds = 0.0
        """How long the first step of this process took, compiling included."""
        self.precision = autocast_type(settings.precision, device)
        self.portion = Portion(settings.micro_batch or settings.batch_size)
        self._finite = FiniteLoss(device)
        self._total = torch.zeros((), dtype=torch.float64, device=device)  # of this epoch's losses
        self._prepare()

    def _prepare(self) -> None:
        """What is made of the network."""
        settings = self.config.training
        if settings.channels_last:
            lay_channels_last(self.network)
        groups = parameter_groups(self.network, settings)
        self.optimizer = torch.optim.AdamW(groups, fused=True)
        self.schedule = Schedule(self.optimizer, settings, self.steps_per_epoch * settings.epochs)
        self.average = AveragedModel(
            self.network, multi_avg_fn=get_ema_multi_avg_fn(settings.ema_decay), use_buffers=True
        )
        if settings.compile:
            compile_parts(self.network)
        half = self.precision == torch.float16
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=half)

    @property
    def epoch(self) -> int:
        """Epochs trained."""
        return self.step // self.steps_per_epoch

    @property
    def averaged(self) -> Network:
        """The network with the averaged weights."""
        network = self.average.module
        assert isinstance(network, Network)
        return network

    def train_epoch(self, on_step: Callable[[int], None] | None = None) -> float:
        """Train what is left of an epoch; the whole epoch's mean loss a clip, without penalties.

        `on_step` is called with the steps trained. Raises TrainingFailed on a loss that is not
        finite, and where the device's memory is too small.
        """
        self.network.train()
        if self.step % self.steps_per_epoch == 0:
            self._total.zero_()
        for _ in range(self.steps_per_epoch - self.step % self.steps_per_epoch):
            began = time.perf_counter()
            self._train_step()
            if not self.first_step_seconds:
                wait_for(self.device)
                self.first_step_seconds = time.perf_counter() - began
            if on_step is not None:
                on_step(self.step)
        self._finite.look()
        return float(self._total) / self.steps_per_epoch

    def validated(self, score: float) -> None:
        """The epoch that was trained has this score."""
        self.schedule.validated(score)

    def state(self) -> dict[str, Any]:
        """Everything that continuing depends on. Raises TrainingFailed on a loss that is not finite."""
        self._finite.look()
        parts = {name: part.state_dict() for name, part in self._parts().items()}
        return {"step": self.step, "total": float(self._total), **parts}

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue from `state()` of a training with the same configuration."""
        self.step = int(state["step"])
        self._total.fill_(state["total"])
        for name, part in self._parts().items():
            part.load_state_dict(state[name])

    def _parts(self) -> dict[str, Any]:
        return {
            "network": self.network,
            "average": self.average,
            "optimizer": self.optimizer,
            "schedule": self.schedule,
            "scaler": self.scaler,
            "portion": self.portion,
        }

    def _train_step(self) -> None:
        """One step, again with half the portion if the device's memory is too small for it."""
        while not self._added_up():
            self.portion.halve(f"step {self.step + 1}")
        settings = self.config.training
        if settings.gradient_clip is not None:
            self.scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(self.network.parameters(), settings.gradient_clip)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.schedule.step()
        self.average.update_parameters(self.network)
        self.step += 1

    def _added_up(self) -> bool:
        """Add up the gradients of this step's batch; False where that takes too much memory."""
        torch.manual_seed(seed_of(self.config.seed, self.step))
        found = self.gradients(lambda: self.feed.batch(self.step))
        if found is None:
            return False
        mean, loss = found
        self._total += mean
        self._finite.note(loss, self.step + 1)
        return True

    def gradients(self, batch: Callable[[], ClipBatch]) -> tuple[Tensor, Tensor] | None:
        """Add up the gradients of the batch that is drawn, after CutMix.

        Returns the mean loss of its clips and what was minimised: the scaled losses and the penalty.
        None where all this takes too much memory; then there are no gradients.
        """
        settings = self.config.training
        try:
            drawn = cutmix(batch(), settings.cutmix_probability, settings.cutmix_alpha)
            self.optimizer.zero_grad(set_to_none=True)
            return self._backward(drawn)
        except RuntimeError as error:
            if settings.compile:
                check_compiled(error)
            if not is_out_of_memory(error):
                raise
            self.optimizer.zero_grad(set_to_none=True)
            return None

    def _backward(self, batch: ClipBatch) -> tuple[Tensor, Tensor]:
        """As `gradients`, of clips that are there."""
        clips = len(batch.video)
        scale = self._scale(clips)
        total = torch.zeros((), device=self.device)
        for part in parts_of(batch, self.portion.clips):
            losses = self._losses(part).sum()
            self.scaler.scale(scale * losses).backward()
            total += losses.detach()
        penalty = self.network.penalty([mouse for mouse, _ in batch.rows])
        if penalty.requires_grad:
            self.scaler.scale(penalty).backward()
        return total / clips, scale * total + penalty.detach()

    def _losses(self, batch: ClipBatch) -> Tensor:
        """(B,) losses of clips, computed in the precision of the run."""
        enabled = self.precision != torch.float32
        with torch.autocast(self.device.type, self.precision, enabled=enabled):
            return self.objective(self.network, batch)

    def _scale(self, clips: int) -> float:
        """What a clip's loss is multiplied by in a batch of so many."""
        mean = self.config.training.loss_scale == "mean"
        return 1 / clips if mean else sqrt(self.trials / clips)


def seed_of(seed: int, step: int) -> int:
    """The seed of a step's random draws: the same in every process, another than its clips' draws."""
    sequence = np.random.SeedSequence((seed, step), spawn_key=(1,))
    return int(sequence.generate_state(1, np.uint64)[0])
