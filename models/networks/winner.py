"""The winner's published checkpoints in our terms: the names of weights, the network's parameters."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from models.config import flatten
from models.errors import Problem

_RULES = (
    (r"^core\.stem\.0\.", "core.0.0."),
    (r"^core\.stem\.1\.bn\.", "core.0.1."),
    (r"\.inv_freq$", ".frequencies"),
    (r"\.conv_pw\.", ".expand."),
    (r"\.spat_covn_dw\.", ".spatial."),
    (r"\.temp_covn_dw\.", ".temporal."),
    (r"\.se\.conv_", ".squeeze_excite."),
    (r"\.conv_pwl\.", ".project."),
    (r"\.bn_sc\.bn\.", ".shortcut_norm."),
    (r"^cortex\.layers\.(\d+)\.bn\.bn\.", r"cortex.\1.norm."),
    (r"^cortex\.layers\.", "cortex."),
    (r"\.1\.bn\.", ".1."),
    (r"^readouts\.(\d+)\.layer\.1\.", r"readouts.\1.conv."),
)
_READOUT = re.compile(r"^readouts\.(\d+)\.")
_ARGUMENTS = (
    *("core_features", "spatial_strides", "spatial_kernel", "temporal_kernel", "expansion_ratio"),
    *("se_reduce_ratio", "cortex_features", "groups", "softplus_beta", "drop_rate"),
    "drop_path_rate",
)
"""Of the winner's constructor; the configuration of our network calls them the same."""
_FREE = {
    "nn_module.readout_outputs",
    *("frame_stack.size", "frame_stack.step"),
    *(f"nn_module.{name}" for name in _ARGUMENTS),
}
_OF_TRAINING = {"amp", "device", "iter_size", "loss", "optimizer"}
"""Predictions do not depend on these."""


def from_winner(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The winner's state dictionary under our names. The output scales, which it lacks, are 1."""
    return {_translated(name): tensor for name, tensor in state.items()}


def with_readouts(
    state: Mapping[str, Tensor], kept: Sequence[int], neurons: Sequence[int]
) -> dict[str, Tensor]:
    """Our state dictionary of a network with these of the readouts alone, in this order.

    `state` has our names; `neurons` are those of all its readouts. Output scales are 1.
    """
    places = {str(old): new for new, old in enumerate(kept)}
    chosen = {}
    for name, tensor in state.items():
        readout = _READOUT.match(name)
        if readout is None:
            chosen[name] = tensor
        elif readout[1] in places:
            chosen[f"readouts.{places[readout[1]]}.{name[readout.end() :]}"] = tensor
    scales = {f"scales.{new}": torch.ones(neurons[old]) for new, old in enumerate(kept)}
    return chosen | scales


def parameters(params: Mapping[str, Any]) -> dict[str, Any]:
    """A checkpoint's parameters as one level of dotted names and plain JSON values.

    What is a name with arguments becomes `<parameter>.name` and `<parameter>.<argument>`.
    """
    plain = json.loads(json.dumps(params, default=str))
    return flatten({name: _named(value) for name, value in plain.items()})


def parameter_problems(where: str, flat: Mapping[str, Any], width: int) -> list[Problem]:
    """Every parameter that is missing, that we do not know, or that our network does not have.

    `flat` as from `parameters`; `width` is that of the recordings' frames, in pixels.
    """
    fixed = _fixed(width)
    missing = [name for name in sorted(_FREE | fixed.keys()) if name not in flat]
    rules = [Problem(f"{where}: {name}", "is given", "nothing") for name in missing]
    for name, value in flat.items():
        place, found = f"{where}: {name}", json.dumps(value)
        if name in fixed and value != fixed[name]:
            rules.append(Problem(place, f"is {json.dumps(fixed[name])}", found))
        elif name not in _FREE | fixed.keys() and name.split(".")[0] not in _OF_TRAINING:
            rules.append(Problem(place, "is a parameter of the published checkpoints", found))
    return rules


def network_settings(flat: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of our network, not yet validated."""
    return {
        "family": "dwiseneuro",
        "clip_frames": flat["frame_stack.size"],
        "frame_step": flat["frame_stack.step"],
        **{name: flat[f"nn_module.{name}"] for name in _ARGUMENTS},
    }


def _fixed(width: int) -> dict[str, Any]:
    """What our network does in one way only."""
    return {
        "nn_module.name": "dwiseneuro",
        "nn_module.in_channels": 5,
        "frame_stack.position": "last",
        "inputs_processor.name": "stack_inputs",
        "inputs_processor.size": [width, width],
        "inputs_processor.pad_fill_value": 0,
        "responses_processor.name": "identity",
    }


def _named(value: Any) -> Any:
    match value:
        case [str() as name, {**arguments}]:
            return {"name": name, **arguments}
    return value


def _translated(name: str) -> str:
    name = re.sub(r"^core\.blocks\.(\d+)", lambda block: f"core.{int(block[1]) + 1}", name)
    for pattern, replacement in _RULES:
        name = re.sub(pattern, replacement, name)
    return name
