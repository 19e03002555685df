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
