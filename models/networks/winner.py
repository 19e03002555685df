"""The winner's names of DwiseNeuro's weights, translated into ours."""

import re
from collections.abc import Mapping

from torch import Tensor

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


def from_winner(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The winner's state dictionary under our names. The output scales, which it lacks, are 1."""
    return {_translated(name): tensor for name, tensor in state.items()}


def _translated(name: str) -> str:
    name = re.sub(r"^core\.blocks\.(\d+)", lambda block: f"core.{int(block[1]) + 1}", name)
    for pattern, replacement in _RULES:
        name = re.sub(pattern, replacement, name)
    return name
