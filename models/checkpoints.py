"""Weights and training states on disk: written atomically, read without running what they hold."""

import pickle
import struct
from pathlib import Path
from typing import Any

import torch

from models.errors import RunError
from models.files import replacing

MALFORMED = (
    *(RuntimeError, OSError, EOFError, pickle.UnpicklingError, struct.error),
    *(ValueError, TypeError, LookupError, AttributeError, AssertionError, ArithmeticError),
)
"""What torch raises for a checkpoint that is cut short or damaged."""


def save_state(path: Path, state: Any) -> None:
    """Write a state dictionary, or a nest of them, in place of what was there."""
    with replacing(path) as temporary:
        torch.save(state, temporary)


def load_state(path: Path) -> Any:
    """Read what `save_state` wrote, onto the CPU; a missing or broken file is a RunError."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        remedy = "The run has not finished its first epoch; train it on."
        raise RunError(f"{path} is missing", remedy) from error
    except MALFORMED as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        remedy = "Remove the run and train it again."
        raise RunError(f"{path} is not a readable checkpoint: {reason}", remedy) from error
