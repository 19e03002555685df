"""What training minimises."""

from collections.abc import Sequence

import torch
from torch import Tensor

EPSILON = 1e-8


def poisson(prediction: Tensor, response: Tensor) -> Tensor:
    """(B,) Poisson loss of each clip, without the log-factorial, summed over neurons and frames.

    prediction, response: (B, N, T), not negative. Source: the winner's published loss.
    """
    return (prediction - response * torch.log(prediction + EPSILON)).sum((1, 2))


def correlation(prediction: Tensor, response: Tensor) -> Tensor:
    """(B, N) Pearson correlation over the frames of each clip, from (B, N, T).

    As in the score, `EPSILON` is added to the population standard deviations: where either is
    constant the correlation is 0. The gradient is finite everywhere, but large where the prediction
    hardly varies.
    """
    ours, theirs = (x - x.mean(-1, keepdim=True) for x in (prediction, response))
    covariance = (ours * theirs).mean(-1)
    return covariance / ((_std(ours) + EPSILON) * (_std(theirs) + EPSILON))


def poisson_correlation(prediction: Tensor, response: Tensor, weight: float) -> Tensor:
    """(B,) Poisson loss of each clip plus `weight` * (1 - its correlation, the mean over neurons).

    prediction, response: (B, N, T). The correlation is taken over the frames of a clip and not of a
    batch, so that the losses of clips add up. Source: ViV1T, with a weight of 1000.
    """
    mean = correlation(prediction, response).mean(1)
    return poisson(prediction, response) + weight * (1 - mean)


def weighted_poisson(
    predictions: Sequence[Tensor], responses: Sequence[Tensor], weights: Tensor
) -> Tensor:
    """The batch's loss when every clip has a weight for every mouse.

    predictions, responses: (B, N, T) of each of M mice. weights: (B, M), of any sum above 0; they
    are scaled to a sum of 1 over the batch.
    """
    losses = torch.stack(
        [poisson(p, r) for p, r in zip(predictions, responses, strict=True)], dim=1
    )
    return (losses * weights / weights.sum()).sum()


def _std(centred: Tensor) -> Tensor:
    """Over frames; torch's own std has no gradient where it is 0, a square root an infinite one."""
    return centred.std(-1, correction=0)
