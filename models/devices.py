"""Where a network computes, and in which precision."""

import torch

from models.errors import UserError


def choose_device(name: str = "auto") -> torch.device:
    """The named device; auto is the first GPU if there is one, else the CPU."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(name)


def usable_device(name: str) -> torch.device:
    """The device of this name; a UserError where this machine has none."""
    try:
        device = choose_device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:  # torch asserts that it was built with CUDA
        reason = str(error).splitlines()[0]
        message = f"'{name}' is no device of this machine: {reason}"
        raise UserError(message, "Use --device auto, cpu, or cuda where there is a GPU.") from error
    return device


def autocast_type(precision: str, device: torch.device) -> torch.dtype:
    """What the forward pass computes in."""
    if precision == "auto":
        if device.type != "cuda":
            return torch.float32
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]


def wait_for(device: torch.device) -> None:
    """Until a GPU has done all that it was told; a CPU always has."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
