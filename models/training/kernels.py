"""How a network's kernels lie in memory, and whether they are compiled."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from models.errors import UserError
from models.networks.network import Network


def lay_channels_last(network: Network) -> None:
    """Lay the kernels of two- and three-dimensional convolutions with their channels last, in place."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            _lay(module, torch.channels_last)
        elif isinstance(module, nn.Conv3d):
            _lay(module, torch.channels_last_3d)


def check_compiler(device: torch.device) -> None:
    """Compile something small; a UserError where this machine has no compiler for the device."""
    try:
        torch.compile(_small)(torch.zeros(2, device=device))
    except RuntimeError as error:  # all of torch.compile's own errors are
        lines = [line for line in str(error).splitlines() if line.strip()]
        message = f"training.compile is on, but nothing can be compiled for {device.type}: "
        remedy = "Install a C++ compiler such as g++ (for a GPU also triton), or set it to false."
        raise UserError(message + (lines or [type(error).__name__])[0], remedy) from error


def compile_parts(network: Network) -> None:
    """Compile what all mice share, in place: the names of the weights stay.

    For fixed shapes: a batch's are always the same. A copy that is made before is not compiled.
    """
    for part in network.compiled_parts():
        part.forward = torch.compile(_called(part.forward), dynamic=False)


def _called(forward: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The same by a function of this file: torch compiles none of its own, such as Sequential's."""

    def call(*inputs: Tensor) -> Tensor:
        return forward(*inputs)

    return call


def _lay(convolution: nn.Conv2d | nn.Conv3d, order: torch.memory_format) -> None:
    convolution.weight.data = convolution.weight.data.contiguous(memory_format=order)


def _small(x: Tensor) -> Tensor:
    return x.sin() + 1
