"""Which weights are trained at which rate, and which of them decay."""

from typing import Any

from torch import nn

from models.training.settings import TrainingConfig

OF_A_MOUSE = ("readouts.", "scales.")
"""How the names of weights begin that belong to one mouse; the others are the core's."""
PLACES = ("place", "spread", "table")
"""The last names of weights that are places in the frame, how far these spread, or biases of
attention: decay would pull them to the frame's centre, to a point, to nothing."""


def parameter_groups(network: nn.Module, settings: TrainingConfig) -> list[dict[str, Any]]:
    """Four groups for an optimiser, some perhaps empty: of readouts and core, decayed and free.

    Matrices and kernels decay; biases, norms, other vectors and places do not.
    """
    groups = _named_groups(settings)
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            owner = "readouts" if name.startswith(OF_A_MOUSE) else "core"
            decayed = parameter.ndim > 1 and name.rpartition(".")[2] not in PLACES
            groups[owner, decayed]["params"].append(parameter)
    return list(groups.values())


def _named_groups(settings: TrainingConfig) -> dict[tuple[str, bool], dict[str, Any]]:
    """Empty groups, by whose they are and whether they decay."""
    rates = {
        "readouts": (settings.learning_rate, settings.weight_decay),
        "core": (
            _or(settings.core_learning_rate, settings.learning_rate),
            _or(settings.core_weight_decay, settings.weight_decay),
        ),
    }
    return {
        (owner, decayed): {"params": [], "lr": rate, "weight_decay": decay if decayed else 0.0}
        for owner, (rate, decay) in rates.items()
        for decayed in (True, False)
    }


def _or(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value
