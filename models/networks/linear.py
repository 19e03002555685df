"""A linear-nonlinear model as a careful analyst would fit it: the floor of every search.

Each neuron has a few filters that are products of a picture and a time course, a softplus, and a gain
by behaviour. No neuron shares anything learnt with another. Filters start from
ridge regression on the training trials, with a strength for each neuron that is chosen on films
that are held out of these (see ridge.py). The same strengths then penalise filters while gradient
steps fit them together with the nonlinearity.
(Chichilnisky, "A simple white noise analysis of neuronal light responses", 2001; Paninski,
"Maximum likelihood estimation of cascade point-process neural encoding models", 2004.)

    video (B, T, H, W) -> pictures (B, N * R, T) -> time courses, sum over R -> drive (B, N, T)
    behaviour (B, 4, T), standardised -> gain (B, N, T)
    response = gain * std * activation(drive)
"""

import hashlib
import itertools
from collections.abc import Iterable, Sequence
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from models.networks.blocks import causal_filter, standardised
from models.networks.network import Mouse, Shown
from models.networks.outputs import Activation, Magnitude, OutputConfig
from models.networks.readouts import ReadoutNetwork
from models.networks.ridge import PARTS, Ridge, Sums, ridge
from models.networks.waves import bumps, cosine_pictures

Count = Annotated[int, Field(ge=1)]
LEAST_SLOPE = 0.2
"""Of the nonlinearity at a neuron's mean response, when a filter in units of response becomes one in
units of drive: rarely active neurons would start far from where data are."""


class LinearConfig(OutputConfig):
    """Good within a minute on a CPU for a few hundred neurons."""

    family: Literal["linear"] = "linear"
    clip_frames: int = Field(default=60, ge=2)
    filters: Count = 2
    """Separable filters a neuron, R; no more than pictures and time_courses."""
    history: Count = 15
    """Frames a filter looks back."""
    pictures: Count = 100
    """Pictures that filters start in: two-dimensional cosines, the lowest frequencies; no more than a
    frame has pixels. Later steps are free of them."""
    time_courses: Count = 6
    """Time courses that filters start in: bumps that widen with the time that is past; no more than
    frames of history."""
    shrinkage: float = Field(default=0.1, ge=0)
    """How much of the ridge regression's strengths penalises filters in gradient steps."""


class Basis:
    """What filters start in; frames (T, H * W) -> features (T, K * J)."""

    def __init__(self, config: LinearConfig, size: tuple[int, int]) -> None:
        self.pictures = cosine_pictures(size, config.pictures)  # (K, H * W)
        self.courses = bumps(min(config.time_courses, config.history), config.history)  # (J, L)

    def features(self, frames: Tensor) -> Tensor:
        """Frames seen through each picture and time course."""
        seen = frames @ self.pictures.T.to(frames.device) / frames.shape[1] ** 0.5  # (T, K)
        courses = self.courses.to(frames.device)
        padded = F.pad(seen.T, (courses.shape[1] - 1, 0), mode="replicate")
        return F.conv1d(padded[:, None], courses[:, None]).flatten(0, 1).T

    def separated(self, weights: Tensor, filters: int) -> tuple[Tensor, Tensor]:
        """Pictures (N, R, H * W) and time courses (N, R, L) nearest to weights (N, K * J).

        Time courses have unit length.
        """
        left, size, right = torch.linalg.svd(
            weights.unflatten(1, (-1, len(self.courses))), full_matrices=False
        )
        pictures = (left * size[:, None])[:, :, :filters].transpose(1, 2)  # (N, R, K)
        on = weights.device
        return pictures @ self.pictures.to(on), right[:, :filters] @ self.courses.to(on)


class Linear(ReadoutNetwork):
    """See the module's docstring."""

    windowed = False

    def __init__(self, config: LinearConfig, mice: Sequence[Mouse], size: tuple[int, int]) -> None:
        super().__init__(config, mice)
        self.context = config.history - 1
        self.trained_frames = max(config.clip_frames - self.context, 1)
        self.shrinkage = config.shrinkage
        self.basis = Basis(config, size)
        self.readouts = nn.ModuleList(
            LinearNeurons(config, mouse, size, self.activation) for mouse in mice
        )

    def features(self, video: Tensor, states: Tensor) -> Tensor:  # noqa: ARG002
        """(B, T, H * W) standardised frames."""
        return standardised(video).flatten(2)

    @torch.no_grad()
    def prepare(self, trials: Iterable[Shown]) -> None:
        """Start each neuron's filters and strength from ridge regression over these trials."""
        for mouse, own in itertools.groupby(trials, lambda trial: trial.mouse):
            neurons = self._neurons(mouse)
            parts = self._sums(own, neurons.magnitude.scale)
            neurons.start_at(ridge([*parts.values()]), self.basis, self.activation)

    def penalty(self, mice: Sequence[int]) -> Tensor:
        """What the strengths ask of the filters of these mice, in the unit of a clip's loss."""
        each = [self._neurons(mouse).penalty() for mouse in mice]
        return self.shrinkage * self.trained_frames * torch.stack(each).mean()

    def _sums(self, trials: Iterable[Shown], scale: Tensor) -> dict[int, Sums]:
        """Of one mouse's trials, by the part that their films are held out with."""
        parts: dict[int, Sums] = {}
        for trial in trials:
            features = self.basis.features(standardised(trial.video).flatten(1))
            first = min(self.context, len(features) - 1)
            sums = Sums.of(features[first:], (trial.responses.T / scale)[first:])
            part = part_of_film(trial.film)
            parts[part] = parts[part] + sums if part in parts else sums
        return parts

    def _neurons(self, mouse: int) -> "LinearNeurons":
        neurons = self.readouts[mouse]
        assert isinstance(neurons, LinearNeurons)
        return neurons


class LinearNeurons(nn.Module):
    """All neurons of one mouse: (b, T, H * W) and (b, 4, T) -> (b, N, T)."""

    strengths: Tensor

    def __init__(
        self, config: LinearConfig, mouse: Mouse, size: tuple[int, int], activation: Activation
    ) -> None:
        super().__init__()
        pixels = size[0] * size[1]
        most = min(pixels, config.pictures, config.time_courses, config.history)
        filters = min(config.filters, most)
        self.pictures = nn.Parameter(0.01 * torch.randn(mouse.neurons, filters, pixels))
        courses = _time_courses(mouse.neurons * filters, config.history)
        self.time_courses = nn.Parameter(courses.unflatten(0, (-1, filters)))
        self.gain = nn.Parameter(torch.zeros(mouse.neurons, 4))
        self.magnitude = Magnitude(config, mouse, activation)
        self.register_buffer("strengths", torch.zeros(mouse.neurons))

    def forward(self, frames: Tensor, states: Tensor, activation: Activation) -> Tensor:
        # Divided by the square root of the pixels, so that one learning rate suits frames of any size.
        pictures = self.pictures.flatten(0, 1)
        seen = (frames @ pictures.T / frames.shape[2] ** 0.5).transpose(1, 2)  # (b, N * R, T)
        filtered = causal_filter(seen, self.time_courses.flatten(0, 1))
        drive = filtered.unflatten(1, self.pictures.shape[:2]).sum(2)
        gain = 2 * torch.sigmoid(self.gain @ states)  # starts at 1
        response: Tensor = gain * self.magnitude(drive, activation)
        return response

    def start_at(self, found: Ridge, basis: Basis, activation: Activation) -> None:
        """Take over filters and strengths, from units of response to units of drive.

        At the mean response the nonlinearity has some slope, and the Poisson loss a curvature of
        scale * slope^2 / response: what a strength of 1 becomes.
        """
        mean, slope = _mean_and_slope(self.magnitude.bias, activation)
        weights = (found.weights / slope.clamp(min=LEAST_SLOPE)).T
        pictures, courses = basis.separated(weights.float(), self.pictures.shape[1])
        self.pictures.copy_(pictures)
        self.time_courses.copy_(courses)
        self.strengths.copy_(found.strengths * self.magnitude.scale * slope**2 / mean)

    def penalty(self) -> Tensor:
        """Half the squares of the filters, weighted by the neurons' strengths."""
        pictures, courses = (
            values @ values.transpose(1, 2) for values in (self.pictures, self.time_courses)
        )
        return (self.strengths * (pictures * courses).sum((1, 2))).sum() / 2


def part_of_film(film: str) -> int:
    """Which of `PARTS` parts the trials of a film are held out with; independent of folds."""
    return hashlib.sha256(f"ridge {film}".encode()).digest()[0] % PARTS


def _mean_and_slope(drive: Tensor, activation: Activation) -> tuple[Tensor, Tensor]:
    """(N,) response to a drive, and its slope there, in units of the magnitude."""
    with torch.enable_grad():
        place = drive.detach().requires_grad_()
        response: Tensor = activation(place)
        (slope,) = torch.autograd.grad(response.sum(), place)
    return response.detach(), slope


def _time_courses(count: int, history: int) -> Tensor:
    """(count, history) transient time courses of two speeds, each with a little noise."""
    lag = torch.arange(history - 1, -1, -1).float()
    peak = torch.where(torch.arange(count) % 2 == 0, 3.0, 6.0)[:, None]
    course = (lag / peak) * torch.exp(1 - lag / peak)
    unit: Tensor = course / torch.linalg.vector_norm(course, dim=1, keepdim=True).clamp(min=1e-6)
    return unit + 0.02 * torch.randn(count, history)
