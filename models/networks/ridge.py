"""Ridge regression in one pass over trials, with a strength of its own for each neuron.

All that is kept of the trials are sums of products, once for each of `PARTS` parts of the films, so
memory does not grow with trials. Every strength then costs one division in the eigenbasis of a Gram
matrix. A neuron's strength is the one whose filters, fitted without a part, correlate best with the
responses in it, over all parts. Correlation is what models are scored by; the squared error of
responses that are mostly noise asks for far more shrinkage, since it also judges the filters' size.
(Hoerl and Kennard, "Ridge regression: biased estimation for nonorthogonal problems", 1970.)

    features (T, D), responses (T, N) -> weights (D, N), strengths (N,)
"""

from dataclasses import dataclass

import torch
from torch import Tensor

PARTS = 4
STRENGTHS = 10.0 ** torch.arange(-2.0, 1.1, 0.25, dtype=torch.float64)
"""What is tried, in units of the features' mean variance."""


@dataclass(frozen=True)
class Sums:
    """Of the frames of some trials; they add up."""

    frames: Tensor  # ()
    features: Tensor  # (D,)
    responses: Tensor  # (N,)
    squares: Tensor  # (N,) of responses
    gram: Tensor  # (D, D)
    cross: Tensor  # (D, N)

    @classmethod
    def of(cls, features: Tensor, responses: Tensor) -> "Sums":
        """Of features (T, D) and responses (T, N)."""
        x, y = features, responses
        sums = x.new_tensor(len(x)), x.sum(0), y.sum(0), y.square().sum(0), x.T @ x, x.T @ y
        return cls(*(each.double() for each in sums))

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(*(own + others for own, others in zip(self._all, other._all, strict=True)))

    def __sub__(self, other: "Sums") -> "Sums":
        return Sums(*(own - others for own, others in zip(self._all, other._all, strict=True)))

    @property
    def _all(self) -> tuple[Tensor, ...]:
        return self.frames, self.features, self.responses, self.squares, self.gram, self.cross

    def about(self, other: "Sums") -> tuple[Tensor, Tensor]:
        """Gram matrix (D, D) and cross products (D, N) about the means of `other`'s frames."""
        x, y = other.features / other.frames, other.responses / other.frames
        apart = self.features - self.frames * x
        gram = self.gram - x[:, None] * self.features - apart[:, None] * x
        return gram, self.cross - x[:, None] * self.responses - apart[:, None] * y


@dataclass(frozen=True)
class Ridge:
    """What ridge regression finds."""

    weights: Tensor  # (D, N)
    strengths: Tensor  # (N,) in units of the features' squares, a frame


class Solver:
    """The weights that some frames ask for, under any strength."""

    def __init__(self, sums: Sums) -> None:
        gram, cross = sums.about(sums)
        self.frames = sums.frames
        values, self.vectors = torch.linalg.eigh(gram)
        self.values = values.clamp(min=0)
        self.turned = self.vectors.T @ cross

    def weights(self, strength: Tensor) -> Tensor:
        """(D, N) under a strength a frame, () or (N,)."""
        found: Tensor = self.vectors @ (
            self.turned / (self.values[:, None] + self.frames * strength)
        )
        return found


def ridge(parts: list[Sums]) -> Ridge:
    """Fit all frames, each neuron with the strength that is best over the parts held out in turn.

    A neuron that no strength predicts gets the largest.
    """
    whole = parts[0]
    for part in parts[1:]:
        whole = whole + part
    gram, _ = whole.about(whole)
    tried = STRENGTHS.to(gram.device) * gram.diagonal().mean() / whole.frames
    products = [_products(whole - part, part, tried) for part in parts[1:] and parts]
    strengths = _best(products, tried) if products else tried[-1:]
    return Ridge(Solver(whole).weights(strengths), strengths.expand(len(whole.responses)))


def _products(fitted: Sums, held_out: Sums, tried: Tensor) -> Tensor:
    """(S, 3, N) sums of prediction * response, prediction^2 and response^2 over held-out frames.

    Both about the means of what is fitted, for each strength.
    """
    solver = Solver(fitted)
    gram, cross = held_out.about(fitted)
    mean = fitted.responses / fitted.frames
    squares = held_out.squares - mean * (2 * held_out.responses - held_out.frames * mean)
    each = (solver.weights(strength) for strength in tried)
    return torch.stack(
        [torch.stack([(w * cross).sum(0), (w * (gram @ w)).sum(0), squares]) for w in each]
    )


def _best(products: list[Tensor], tried: Tensor) -> Tensor:
    """(N,) the strength of the largest correlation over all parts together."""
    both, prediction, response = torch.stack(products).sum(0).unbind(1)  # (S, N)
    correlation = both / (prediction * response).sqrt().clamp(min=1e-12)
    largest, place = correlation.max(0)
    return torch.where(largest > 0, tried[place], tried[-1])
