"""From drive to responses: nonlinearities that are never negative, and each neuron's magnitude."""

from typing import Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from models.networks.network import Mouse, NetworkConfig

Nonlinearity = Literal["softplus", "elu", "exp"]
SMALLEST = 1e-4
"""Responses below this, in units of the nonlinearity, count as this where a drive is sought."""


class OutputConfig(NetworkConfig):
    """What the configurations of families with a choice of output share."""

    output: Nonlinearity = "softplus"
    """softplus(beta x) / beta, ELU(x) + 1, or exp(x)."""
    softplus_beta: float = Field(default=1.0, gt=0)
    learn_beta: bool = False
    """Whether softplus_beta is only where training starts."""
    scale_outputs: bool = True
    """Measure each neuron's response in units of its standard deviation over the training trials,
    and start at its mean: for recordings of any magnitude. Otherwise only the start is at the mean."""

    @model_validator(mode="after")
    def _check_beta(self) -> "OutputConfig":
        if self.learn_beta and self.output != "softplus":
            raise ValueError(f"learn_beta goes with output softplus; found {self.output}")
        return self


class Activation(nn.Module):
    """A nonlinearity from drive to response, any shape; computed in single precision."""

    def __init__(self, config: OutputConfig) -> None:
        super().__init__()
        self.kind = config.output
        beta = torch.tensor(config.softplus_beta).log()
        self.log_beta = nn.Parameter(beta) if config.learn_beta else None
        self.fixed_beta = config.softplus_beta

    @property
    def beta(self) -> Tensor | float:
        """Softplus's sharpness."""
        return self.fixed_beta if self.log_beta is None else self.log_beta.exp()

    def forward(self, drive: Tensor) -> Tensor:
        drive = drive.float()
        match self.kind:
            case "softplus" if self.log_beta is None:
                return F.softplus(drive, beta=self.fixed_beta)
            case "softplus":
                return F.softplus(drive * self.beta) / self.beta
            case "elu":
                return F.elu(drive) + 1
            case "exp":
                return drive.exp()

    @torch.no_grad()
    def drive(self, response: Tensor) -> Tensor:
        """The drive whose response this is; the response's least is `SMALLEST`, over beta."""
        match self.kind:
            case "softplus":
                return softplus_drive(response, float(self.beta))
            case "elu":
                least = response.clamp(min=SMALLEST)
                return torch.where(least < 1, least.log(), least - 1)
            case "exp":
                return response.clamp(min=SMALLEST).log()

    @property
    def unit(self) -> float:
        """How much drive a change of one response takes about: softplus's curve is 1 / beta wide."""
        return self.fixed_beta if self.kind == "softplus" else 1.0


class Magnitude(nn.Module):
    """One mouse's neurons between drive and response: (b, N, T) -> (b, N, T).

    response = scale * activation(drive + bias), starting at the neuron's mean response. The scale
    is the response's standard deviation times the activation's unit, or 1; it is not trained.
    """

    scale: Tensor

    def __init__(self, config: OutputConfig, mouse: Mouse, activation: Activation) -> None:
        super().__init__()
        std = torch.from_numpy(mouse.response_std).clamp(min=1e-3)
        scale = std * activation.unit if config.scale_outputs else torch.ones_like(std)
        self.register_buffer("scale", scale)
        self.bias = nn.Parameter(activation.drive(torch.from_numpy(mouse.response_mean) / scale))

    def forward(self, drive: Tensor, activation: Activation) -> Tensor:
        response: Tensor = activation(drive + self.bias[:, None])
        return self.scale[:, None] * response


def softplus_drive(response: Tensor, beta: float = 1.0) -> Tensor:
    """The drive whose softplus is `response`; responses below 1e-4 / beta count as that."""
    scaled = (response * beta).clamp(min=SMALLEST)
    return (scaled + torch.log(-torch.expm1(-scaled))) / beta
