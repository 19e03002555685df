"""How a network's kernels lie in memory, and whether they are compiled."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from models.errors import UserError
from models.networks.network import Network
from models.training.failure import TrainingFailed


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
        message = f"training.compile is on, but nothing can be compiled for {device.type}: "
        remedy = "Install a C++ compiler such as g++ (for a GPU also triton), or set it to false."
        raise UserError(message + _said(error), remedy) from error


def compile_parts(network: Network) -> None:
    """Compile what all mice share, in place: the names of the weights stay.

    For fixed shapes: a batch's are always the same. A copy that is made before is not compiled.
    """
    for part in network.compiled_parts():
        part.forward = torch.compile(_called(part.forward), dynamic=False)


def check_compiled(error: RuntimeError) -> None:
    """Raise TrainingFailed if the error is the compiler's."""
    from torch._dynamo.exc import TorchDynamoException  # takes seconds, and only where it is used

    if isinstance(error, TorchDynamoException):
        reason = f"what all mice share cannot be compiled: {_said(error)}"
        raise TrainingFailed(reason, "set training.compile to false") from error


def _said(error: RuntimeError) -> str:
    """The first line of an error, with the one that it announces."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = 2 if lines and lines[0].endswith(":") else 1
    return " ".join(lines[:said]) or type(error).__name__


def _called(forward: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The same by a function of this file: torch compiles none of its own, such as Sequential's."""

    def call(*inputs: Tensor) -> Tensor:
        return forward(*inputs)

    return call


def _lay(convolution: nn.Conv2d | nn.Conv3d, order: torch.memory_format) -> None:
    convolution.weight.data = convolution.weight.data.contiguous(memory_format=order)


def _small(x: Tensor) -> Tensor:
    return x.sin() + 1
