"""Training steps of DwiseNeuro with several mice: ours, and the plain one, which reads all mice.

The plain step is the winner's: every readout is computed for every clip, and a clip's loss counts
for its own mouse alone. Both see the same clips of noise with the same network, which only ours
compiles.
"""

import copy
import itertools
import statistics
import time
from collections.abc import Callable
from typing import Annotated, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from models.config import RunConfig
from models.devices import wait_for
from models.losses import weighted_poisson
from models.networks.dwiseneuro import DwiseNeuro, DwiseNeuroConfig
from models.networks.network import Mouse
from models.recordings.clips import ClipBatch
from models.recordings.cutmix import cutmix
from models.recordings.layout import HEIGHT, WIDTH
from models.strict import Strict
from models.training.loop import Training
from models.training.settings import TrainingConfig

NEURONS = (7440, 7928, 8285, 7671, 7495, 7863, 7908, 8202, 7939, 8122)
"""Of the competition's ten mice."""
MEAN_RESPONSE = 10.0
DIFFERENT = 5
"""Batches, which are used in turns."""


class Size(Strict):
    """What is trained, and where."""

    network: DwiseNeuroConfig = DwiseNeuroConfig()
    neurons: tuple[Annotated[int, Field(ge=1)], ...] = NEURONS
    batch: int = Field(default=8, ge=1)
    steps: int = Field(default=1, ge=1)
    """Steps that are timed; one more on a CPU, and `WARM_UP` on a GPU, go before."""
    compile: bool = True
    """Whether ours are compiled."""
    device: Literal["cpu", "cuda"] = "cpu"

    @property
    def place(self) -> torch.device:
        """The device."""
        return torch.device(self.device)


WARM_UP = {"cpu": 1, "cuda": 5}


def our_steps(size: str) -> float:
    """Clips a second of this package's steps."""
    sized = Size.model_validate_json(size)
    settings = TrainingConfig(batch_size=sized.batch, compile=sized.compile)
    config = RunConfig(network=sized.network, training=settings)
    training = Training(config, _network(sized), Noise(sized), sized.place, trials=1)
    training.network.train()
    return _rate(sized, training._train_step)


def plain_steps(size: str) -> float:
    """Clips a second of the plain steps; on a GPU in half precision."""
    sized = Size.model_validate_json(size)
    return _rate(sized, Plain(sized).step)


class Noise:
    """A feed of clips of noise, spread over the mice as those of recordings are."""

    def __init__(self, size: Size) -> None:
        self._batches = [_noise(size, step) for step in range(DIFFERENT)]

    def batch(self, step: int) -> ClipBatch:
        """The batch of a training step."""
        return self._batches[step % DIFFERENT]


class Plain:
    """The plain step, with the winner's settings, written out."""

    def __init__(self, size: Size) -> None:
        settings = TrainingConfig()
        self.network = _network(size).to(size.place).train()
        self.average = copy.deepcopy(self.network)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(),
            lr=settings.learning_rate,
            weight_decay=settings.weight_decay,
        )
        self.half = size.device == "cuda"
        self.scaler = torch.amp.GradScaler(size.device, enabled=self.half)
        self.size, self.settings, self.feed = size, settings, Noise(size)
        self.steps = itertools.count()

    def step(self) -> None:
        """One step."""
        batch = self.feed.batch(next(self.steps))
        batch = cutmix(batch, self.settings.cutmix_probability, self.settings.cutmix_alpha)
        self.optimizer.zero_grad()
        with torch.autocast(self.size.device, torch.float16, enabled=self.half):
            loss = self.loss(batch)
        self.scaler.scale(loss).backward()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self._average()

    def loss(self, batch: ClipBatch) -> Tensor:
        """Of all mice's readouts for all clips, of which a mask leaves each clip's own."""
        clips, mice = len(batch.video), len(self.size.neurons)
        everything = [(mouse, slice(0, clips)) for mouse in range(mice)]
        predictions = self.network(batch.video, batch.behaviour, batch.rows, everything)
        responses = [
            torch.zeros_like(prediction, dtype=torch.float32) for prediction in predictions
        ]
        mask = torch.zeros(clips, mice, device=batch.video.device)
        for (mouse, part), response in zip(batch.rows, batch.responses, strict=True):
            responses[mouse][part] = response
            mask[part, mouse] = 1
        return weighted_poisson([p.float() for p in predictions], responses, mask)

    @torch.no_grad()
    def _average(self) -> None:
        decay = self.settings.ema_decay
        pairs = zip(
            self.average.state_dict().values(), self.network.state_dict().values(), strict=True
        )
        for average, present in pairs:
            average.copy_(decay * average + (1 - decay) * present)


def _network(size: Size) -> DwiseNeuro:
    torch.manual_seed(0)
    mice = [Mouse.of_size(str(mouse), neurons) for mouse, neurons in enumerate(size.neurons)]
    return DwiseNeuro(size.network, mice, (HEIGHT, WIDTH))


def _noise(size: Size, step: int) -> ClipBatch:
    generator = torch.Generator().manual_seed(step)
    frames, mice = size.network.clip_frames, len(size.neurons)
    order = np.sort((step * size.batch + np.arange(size.batch)) % mice)
    rows = [
        (int(mouse), slice(*np.searchsorted(order, (mouse, mouse + 1)).tolist()))
        for mouse in np.unique(order)
    ]

    def noise(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator).to(size.place)

    return ClipBatch(
        video=255 * noise(size.batch, frames, HEIGHT, WIDTH),
        behaviour=noise(size.batch, 4, frames),
        responses=[
            MEAN_RESPONSE * noise(part.stop - part.start, size.neurons[mouse], frames)
            for mouse, part in rows
        ],
        rows=rows,
    )


def _rate(size: Size, step: Callable[[], None]) -> float:
    """Clips a second, by the median step."""
    for _ in range(WARM_UP[size.device]):
        step()
    seconds = []
    for _ in range(size.steps):
        wait_for(size.place)
        began = time.perf_counter()
        step()
        wait_for(size.place)
        seconds.append(time.perf_counter() - began)
    return size.batch / statistics.median(seconds)
