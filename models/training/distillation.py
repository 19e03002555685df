"""Distillation: clips teach their own mouse's readout, and teachers the readouts of all the others.

Source: the winner's second stage, where the other nine mice's readouts had 36 % of the loss.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from models.networks.network import Network
from models.recordings.clips import ClipBatch
from models.training.objective import ResponseLoss, trained_frames
from models.training.teachers import TeacherMean


@dataclass(frozen=True)
class Distillation:
    """The objective of M mice, two at least, that learn from measured responses and from teachers."""

    own: ResponseLoss
    teachers: TeacherMean
    weight: float
    """The teachers' share of the loss, the same for each of the M - 1 other mice."""

    def __call__(self, network: Network, drawn: ClipBatch) -> Tensor:
        """(B,) loss of each drawn clip, over the frames that lack neither history nor future."""
        batch, targets = self.teachers.batch(drawn), self.teachers(drawn)
        readers = [(mouse, slice(None)) for mouse in range(len(targets))]
        predictions = network(batch.video, batch.behaviour, batch.rows, readers)
        shares = batch.video.new_full(
            (len(batch.video), len(targets)), self.weight / (len(targets) - 1)
        )
        for (mouse, part), response in zip(batch.rows, batch.responses, strict=True):
            targets[mouse][part] = response
            shares[part, mouse] = 1 - self.weight
        frames = trained_frames(network, batch.video.shape[1])
        losses = [
            self.own.of_mouse(prediction[..., frames].float(), target[..., frames])
            for prediction, target in zip(predictions, targets, strict=True)
        ]
        return (torch.stack(losses, dim=1) * shares).sum(1)
