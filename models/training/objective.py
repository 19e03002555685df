"""What a batch's clips cost: the part of the loop that may be exchanged."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from models.losses import poisson, poisson_correlation
from models.networks.network import Network
from models.recordings.clips import ClipBatch
from models.training.settings import TrainingConfig

Objective = Callable[[Network, ClipBatch], Tensor]
"""(B,) loss of each clip of a batch, or of the part of a batch that fits into memory.

A clip's loss depends on no other clip, so that losses of parts add up to the batch's. The loop calls
it under autocast, scales and adds the losses, and adds the network's own penalty once a step.
"""


@dataclass(frozen=True)
class ResponseLoss:
    """Of the responses of each clip's own mouse; no other readout is computed."""

    config: TrainingConfig

    def __call__(self, network: Network, batch: ClipBatch) -> Tensor:
        """(B,) loss of each clip, over the frames that lack neither history nor future."""
        predictions = network(batch.video, batch.behaviour, batch.rows)
        frames = trained_frames(network, batch.video.shape[1])
        losses = [
            self.of_mouse(prediction[..., frames].float(), response[..., frames])
            for prediction, response in zip(predictions, batch.responses, strict=True)
        ]
        return torch.cat(losses)

    def of_mouse(self, prediction: Tensor, response: Tensor) -> Tensor:
        """(b,) loss of one mouse's clips, from (b, N, T)."""
        if self.config.loss == "poisson":
            return poisson(prediction, response)
        return poisson_correlation(prediction, response, self.config.correlation_weight)


def trained_frames(network: Network, frames: int) -> slice:
    """Of a clip of `frames`, those whose prediction lacks neither history nor future; one at least."""
    first = min(network.context, frames - 1)
    return slice(first, max(frames - network.lookahead, first + 1))
