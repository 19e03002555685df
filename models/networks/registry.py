"""The families of networks, by name."""

from collections.abc import Callable, Sequence
from typing import Annotated, get_args

from pydantic import Field

from models.networks.dwiseneuro import DwiseNeuro, DwiseNeuroConfig
from models.networks.factorized import Factorized, FactorizedConfig
from models.networks.gru import Gru, GruConfig
from models.networks.linear import Linear, LinearConfig
from models.networks.motion_energy import MotionEnergy, MotionEnergyConfig
from models.networks.network import Mouse, Network, NetworkConfig
from models.networks.swin import Swin, SwinConfig
from models.networks.vivit import Vivit, VivitConfig

AnyNetworkConfig = Annotated[
    DwiseNeuroConfig
    | FactorizedConfig
    | GruConfig
    | LinearConfig
    | MotionEnergyConfig
    | SwinConfig
    | VivitConfig,
    Field(discriminator="family"),
]
NETWORKS: dict[type[NetworkConfig], Callable[..., Network]] = {
    DwiseNeuroConfig: DwiseNeuro,
    FactorizedConfig: Factorized,
    GruConfig: Gru,
    LinearConfig: Linear,
    MotionEnergyConfig: MotionEnergy,
    SwinConfig: Swin,
    VivitConfig: Vivit,
}
CONFIGS: dict[str, type[NetworkConfig]] = {
    config.model_fields["family"].default: config
    for config in get_args(get_args(AnyNetworkConfig)[0])
}
FAMILIES = tuple(CONFIGS)
FLOOR = "linear"


def build(config: NetworkConfig, mice: Sequence[Mouse], size: tuple[int, int]) -> Network:
    """The network of a configuration for these mice and frames of `size` (height, width)."""
    return NETWORKS[type(config)](config, mice, size)
