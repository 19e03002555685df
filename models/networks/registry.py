"""The families of networks, by name."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from models.networks.dwiseneuro import DwiseNeuro, DwiseNeuroConfig
from models.networks.linear import Linear, LinearConfig
from models.networks.motion_energy import MotionEnergy, MotionEnergyConfig
from models.networks.network import Mouse, Network

AnyNetworkConfig = Annotated[
    DwiseNeuroConfig | LinearConfig | MotionEnergyConfig, Field(discriminator="family")
]
FAMILIES = ("dwiseneuro", "linear", "motion_energy")
FLOOR = "linear"


def build(config: AnyNetworkConfig, mice: Sequence[Mouse], size: tuple[int, int]) -> Network:
    """The network of a configuration for these mice and frames of `size` (height, width)."""
    match config:
        case DwiseNeuroConfig():
            return DwiseNeuro(config, mice)
        case LinearConfig():
            return Linear(config, mice, size)
        case MotionEnergyConfig():
            return MotionEnergy(config, mice, size)
