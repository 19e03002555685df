"""Batches on the device that trains: from arrays kept there, or drawn ahead from mapped files."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Literal, Protocol

import torch

from models.config import RunConfig
from models.errors import UserError
from models.networks.network import NetworkConfig
from models.recordings.clips import ClipBatch, ClipSampler, Pool, RawClips
from models.training.memory import is_out_of_memory

AHEAD = 3
"""Batches that are drawn while the device works on one."""
SHARE = 0.6
"""Of the device's free memory that `auto` gives to recordings; the rest is for training."""

Place = Literal["device", "ahead", "direct"]


class Feed(Protocol):
    """Where a training's batches come from: a function of the step alone, ready on the device."""

    def batch(self, step: int) -> ClipBatch:
        """The batch of a training step."""


class Direct:
    """Draws a batch when it is asked for."""

    def __init__(self, sampler: ClipSampler, device: torch.device, downsample: int = 1) -> None:
        self.sampler, self.device, self.downsample = sampler, device, downsample

    def batch(self, step: int) -> ClipBatch:
        """The batch of a training step."""
        return self.sampler.draw(step).ready(self.device, self.downsample)


class Ahead(Direct):
    """Draws the next batches in a thread, into pinned memory where `sampler` does so."""

    def __init__(self, sampler: ClipSampler, device: torch.device, downsample: int = 1) -> None:
        super().__init__(sampler, device, downsample)
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="clips")
        self._drawn: dict[int, Future[RawClips]] = {}

    def batch(self, step: int) -> ClipBatch:
        """The batch of a training step; steps in ascending order cost no waiting."""
        wanted = range(step, step + 1 + AHEAD)
        for other in [other for other in self._drawn if other not in wanted]:
            self._drawn.pop(other).cancel()
        for other in wanted:
            if other not in self._drawn:
                self._drawn[other] = self._worker.submit(self.sampler.draw, other)
        return self._drawn.pop(step).result().ready(self.device, self.downsample)


def feed_of(
    pools: Sequence[Pool],
    config: RunConfig,
    device: torch.device,
    clips: NetworkConfig | None = None,
) -> Feed:
    """The feed that `training.device_cache` asks for; a UserError where the device is too small.

    `clips` tells which clips are drawn, if not the network's.
    """
    place = place_of(config, sum(pool.bytes for pool in pools), device)
    if place == "device":
        pools, place = _copied(pools, device, config.training.device_cache == "on")
    sampler = ClipSampler(
        pools,
        clips or config.network,
        config.training.batch_size,
        config.seed,
        pinned=place == "ahead" and device.type == "cuda",
    )
    kind = Ahead if place == "ahead" else Direct
    return kind(sampler, device, config.data.downsample)


def place_of(config: RunConfig, size: int, device: torch.device) -> Place:
    """Where the recordings' `size` bytes of arrays are drawn from.

    `auto` copies them to a GPU where they take no more than `SHARE` of its free memory. Beside a
    CPU they lie in its memory anyway, so that nothing is copied or drawn ahead.
    """
    asked = config.training.device_cache
    if device.type == "cpu":
        return "direct"
    if asked == "auto":
        free, _ = torch.cuda.mem_get_info(device)
        return "device" if size <= SHARE * free else "ahead"
    return "device" if asked == "on" else "ahead"


def _copied(
    pools: Sequence[Pool], device: torch.device, required: bool
) -> tuple[Sequence[Pool], Place]:
    """The pools on the device; as they are, if others have taken its memory meanwhile."""
    try:
        return [pool.to(device) for pool in pools], "device"
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        if required:
            size = sum(pool.bytes for pool in pools) / 1e9
            message = f"{size:.1f} GB of recordings do not fit into the memory of {device}"
            raise UserError(message, "Set training.device_cache to auto or off.") from error
    torch.cuda.empty_cache()
    return pools, "ahead"
