"""Limits on what a configuration may cost: the parameters of its network, the memory of its training.

Nothing is computed: the network is built, and takes a step, with tensors that have only a shape.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor
from torch._subclasses.fake_tensor import DynamicOutputShapeException, FakeTensorMode
from torch.overrides import TorchFunctionMode

from models.config import RunConfig, load_config, nest
from models.networks.network import Mouse, Network, NetworkConfig
from models.networks.registry import build as build_network
from models.recordings.data_set import open_sessions
from models.recordings.where import Where

BYTES_A_PARAMETER = 20
"""In training: the weight, its gradient, AdamW's two moments and the average, four bytes each."""
SAME_CAPACITY = 64
"""Networks whose size is kept, so that the same one is not built again."""


class Constraints(BaseModel):
    """The `limits` of a space; None is without limit."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    parameters: int | None = Field(default=None, ge=1)
    """Most parameters of a network, with the readouts of all mice."""
    memory_gb: float | None = Field(default=None, gt=0)
    """Most memory of a training, in 10^9 bytes, as `memory_of` estimates it."""

    def broken(self, config: RunConfig, mice: Sequence[Mouse], size: tuple[int, int]) -> str:
        """Which limit a configuration is over, and by how much; '' for one within them.

        mice and size (height, width) are those of the recordings, before `data.downsample`.
        """
        if self.parameters is not None:
            count = parameter_count(config, mice, size)
            if count > self.parameters:
                return f"has {count:,} parameters, over the limit {self.parameters:,}"
        if self.memory_gb is not None:
            gigabytes = memory_of(config, mice, size) / 1e9
            if gigabytes > self.memory_gb:
                return f"takes about {gigabytes:.1f} GB, over the limit {self.memory_gb:g} GB"
        return ""


def limits_check(limits: Constraints, data: Where) -> Callable[[Mapping[str, Any]], str]:
    """A function of a flat configuration: why it is refused for these recordings, or ''."""
    if limits == Constraints():
        return lambda _: ""
    mice, size = mice_of(data)
    return lambda flat: limits.broken(load_config(nest(flat)), mice, size)


def mice_of(data: Where) -> tuple[list[Mouse], tuple[int, int]]:
    """The mice of a data set, magnitudes left out, and the (height, width) of its frames."""
    sessions = open_sessions(data)
    height, width = sessions[0].video(min(sessions[0].tiers)).shape[-2:]
    mice = [Mouse.of_size(session.name, session.neurons) for session in sessions]
    return mice, (height, width)


def parameter_count(config: RunConfig, mice: Sequence[Mouse], size: tuple[int, int]) -> int:
    """Parameters of the network for these mice and frames of `size`, the readouts' among them."""
    return _count(config.network.model_dump_json(), *_key(config, mice, size))


def memory_of(config: RunConfig, mice: Sequence[Mouse], size: tuple[int, int]) -> int:
    """Bytes that a training step holds: an estimate from shapes.

    Counted are BYTES_A_PARAMETER and what autograd keeps for the backward pass, with 16-bit numbers
    where `training.precision` allows them, and fused attention. Not counted are recordings on the
    device, the backward pass's own buffers, the libraries' workspaces and teachers.
    """
    training = config.training
    half = training.precision != "fp32"
    clips = training.micro_batch or training.batch_size
    text = config.network.model_dump_json()
    kept = _kept_bytes(text, *_key(config, mice, size), clips, half)
    return BYTES_A_PARAMETER * parameter_count(config, mice, size) + kept


def _key(
    config: RunConfig, mice: Sequence[Mouse], size: tuple[int, int]
) -> tuple[tuple[int, ...], tuple[int, int]]:
    """The neurons of each mouse and the size of frames as the network sees them."""
    factor = config.data.downsample
    return tuple(mouse.neurons for mouse in mice), (size[0] // factor, size[1] // factor)


@lru_cache(SAME_CAPACITY)
def _count(network: str, neurons: tuple[int, ...], size: tuple[int, int]) -> int:
    parameters = _network(network, neurons, size, _shapes()).parameters()
    return sum(parameter.numel() for parameter in parameters)


@lru_cache(SAME_CAPACITY)
def _kept_bytes(
    text: str, neurons: tuple[int, ...], size: tuple[int, int], clips: int, half: bool
) -> int:
    """Bytes of the tensors that autograd keeps in a step of so many clips, parameters left out."""
    kept: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage()._cdata] = tensor
        return tensor

    shapes = _shapes()
    network = _network(text, neurons, size, shapes)
    with shapes, _FusedAttention():
        frames = _network_config(text).clip_frames
        clip = torch.zeros(clips, frames, *size), torch.zeros(clips, 4, frames)
        hooks = torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor)
        with hooks, torch.autocast("cpu", torch.bfloat16, enabled=half):
            for response in network(*clip, _rows(clips, len(neurons))):
                torch.log(response.float() + 1e-8).sum()
        own = {each.untyped_storage()._cdata for each in network.parameters()}
    sizes = (each.untyped_storage().nbytes() for key, each in kept.items() if key not in own)
    return sum(sizes)


def _shapes() -> FakeTensorMode:
    """Within it tensors have no numbers, only a shape; those that have some are taken as if not."""
    return FakeTensorMode(allow_non_fake_inputs=True)


def _network(
    text: str, neurons: Sequence[int], size: tuple[int, int], shapes: FakeTensorMode
) -> Network:
    """The network, without numbers where it can be built so."""
    config = _network_config(text)
    mice = [Mouse.of_size(str(index), count) for index, count in enumerate(neurons)]
    try:
        with shapes:
            return build_network(config, mice, size)
    except DynamicOutputShapeException:  # its construction asks what the numbers are
        return build_network(config, mice, size)


def _network_config(text: str) -> NetworkConfig:
    return RunConfig.model_validate_json(f'{{"network": {text}}}').network


def _rows(clips: int, mice: int) -> list[tuple[int, slice]]:
    """The clips of a step, spread over the mice as evenly as it goes."""
    bounds = [math.ceil(clips * index / mice) for index in range(mice + 1)]
    return [
        (mouse, slice(start, stop))
        for mouse, (start, stop) in enumerate(pairwise(bounds))
        if stop > start
    ]


class _FusedAttention(TorchFunctionMode):
    """On a GPU attention with dropout keeps no weights; on a CPU only attention without does not."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        changed = {"dropout_p": 0.0} if func is F.scaled_dot_product_attention else {}
        return func(*args, **{**(kwargs or {}), **changed})
