"""The training loop: AdamW, warm-up and cosine, averaged weights, CutMix, autocast.

Batches, dropout and CutMix of a step follow from (seed, step) alone, so a training that continues
from its state equals one that never stopped.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, LRScheduler, SequentialLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from models.config import RunConfig
from models.devices import autocast_type
from models.losses import poisson
from models.networks.network import Network
from models.recordings.clips import ClipBatch
from models.recordings.cutmix import cutmix
from models.recordings.feed import Feed
from models.training.failure import TrainingFailed
from models.training.settings import TrainingConfig


class Training:
    """One network being trained."""

    def __init__(
        self, config: RunConfig, network: Network, feed: Feed, device: torch.device
    ) -> None:
        self.config, self.feed, self.device = config, feed, device
        self.network = network.to(device)
        settings = config.training
        self.steps_per_epoch = max(settings.clips_per_epoch // settings.batch_size, 1)
        self.step = 0
        self.precision = autocast_type(settings.precision, device)
        self.optimizer = torch.optim.AdamW(
            _parameter_groups(network, settings.weight_decay),
            lr=settings.learning_rate,
            fused=device.type == "cuda",
        )
        self.schedule = _schedule(self.optimizer, settings, self.steps_per_epoch * settings.epochs)
        self.average = AveragedModel(
            self.network, multi_avg_fn=get_ema_multi_avg_fn(settings.ema_decay), use_buffers=True
        )
        self.scaler = torch.amp.GradScaler(device.type, enabled=self.precision == torch.float16)

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
        """Train one epoch; the mean loss per clip. Raises TrainingFailed on a non-finite loss."""
        self.network.train()
        total = torch.zeros((), device=self.device)
        for _ in range(self.steps_per_epoch):
            total += self._train_step()
            if on_step is not None:
                on_step(self.step)
        mean = float(total) / self.steps_per_epoch
        if not math.isfinite(mean):
            raise TrainingFailed(f"the loss is {mean} in epoch {self.epoch}")
        return mean

    def state(self) -> dict[str, Any]:
        """Everything that continuing depends on."""
        parts = self._parts()
        return {"step": self.step, **{name: part.state_dict() for name, part in parts.items()}}

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue from `state()` of a training with the same configuration."""
        self.step = int(state["step"])
        for name, part in self._parts().items():
            part.load_state_dict(state[name])

    def _parts(self) -> dict[str, Any]:
        return {
            "network": self.network,
            "average": self.average,
            "optimizer": self.optimizer,
            "schedule": self.schedule,
            "scaler": self.scaler,
        }

    def _train_step(self) -> Tensor:
        settings = self.config.training
        torch.manual_seed(hash((self.config.seed, self.step)) % 2**63)
        batch = self.feed.batch(self.step)
        batch = cutmix(batch, settings.cutmix_probability, settings.cutmix_alpha)
        self.optimizer.zero_grad(set_to_none=True)
        loss = self._loss(batch)
        self.scaler.scale(loss).backward()
        if settings.gradient_clip is not None:
            self.scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(self.network.parameters(), settings.gradient_clip)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.schedule.step()
        self.average.update_parameters(self.network)
        self.step += 1
        return loss.detach()

    def _loss(self, batch: ClipBatch) -> Tensor:
        """Mean over clips of the loss summed over neurons and frames, readouts of present mice only."""
        enabled = self.precision != torch.float32
        with torch.autocast(self.device.type, self.precision, enabled=enabled):
            predictions = self.network(batch.video, batch.behaviour, batch.rows)
        context = min(self.network.context, batch.video.shape[1] - 1)
        losses = [
            poisson(prediction[..., context:].float(), response[..., context:])
            for prediction, response in zip(predictions, batch.responses, strict=True)
        ]
        return torch.cat(losses).mean()


def _parameter_groups(network: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Weights decay; biases, norms and other vectors do not."""
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    matrices = [parameter for parameter in trained if parameter.ndim > 1]
    vectors = [parameter for parameter in trained if parameter.ndim <= 1]
    return [
        {"params": matrices, "weight_decay": weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]


def _schedule(
    optimizer: torch.optim.Optimizer, settings: TrainingConfig, steps: int
) -> LRScheduler:
    """Linear warm-up, then cosine down to the final share of the learning rate."""
    rising = min(round(settings.warmup * steps), steps - 1)
    final = settings.final_learning_rate * settings.learning_rate
    cosine = CosineAnnealingLR(optimizer, max(steps - rising, 1), eta_min=final)
    if rising == 0:
        return cosine
    warmup = LinearLR(optimizer, 1 / (rising + 1), 1.0, rising)
    return SequentialLR(optimizer, [warmup, cosine], [rising])
