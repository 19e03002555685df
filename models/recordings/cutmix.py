"""CutMix of clips within each mouse, on the device that they are on (Yun et al., 2019)."""

import torch
from torch import Tensor

from models.networks.network import Rows
from models.recordings.clips import ClipBatch


def cutmix(batch: ClipBatch, probability: float, alpha: float) -> ClipBatch:
    """With `probability` a clip gets a box of another clip of its mouse, the same in all frames.

    The box has a random place and a share of the area drawn from Beta(alpha, alpha); behaviour and
    responses are mixed in the proportion of the areas. Draws from torch's global generator of the
    CPU, so that all devices mix alike.
    """
    clips, _, *size = batch.video.shape
    device = batch.video.device
    partners = _partners(batch.rows).to(device, non_blocking=True)
    chosen = torch.rand(clips) < probability
    inside = (_boxes(clips, size, alpha) & chosen[:, None, None]).to(device, non_blocking=True)
    share = 1 - inside.flatten(1).float().mean(1)[:, None, None]  # of the area that stays
    return ClipBatch(
        video=torch.where(inside[:, None], batch.video[partners], batch.video),
        behaviour=_mixed(batch.behaviour, batch.behaviour[partners], share),
        responses=[
            _mixed(response, response[partners[part] - part.start], share[part])
            for (_, part), response in zip(batch.rows, batch.responses, strict=True)
        ],
        rows=batch.rows,
    )


def _mixed(own: Tensor, other: Tensor, share: Tensor) -> Tensor:
    return share * own + (1 - share) * other


def _partners(rows: Rows) -> Tensor:
    """(B,) another clip, or the same, of each clip's mouse."""
    return torch.cat([part.start + torch.randperm(part.stop - part.start) for _, part in rows])


def _boxes(clips: int, size: list[int], alpha: float) -> Tensor:
    """(B, H, W) true in a box of each clip; boxes at the rim are cut."""
    side = torch.distributions.Beta(alpha, alpha).sample((clips,)).sqrt()
    down, across = (_span(side, length) for length in size)
    return down[:, :, None] & across[:, None, :]


def _span(side: Tensor, length: int) -> Tensor:
    """(B, length) true over a share `side` of the length around a random centre."""
    centre = torch.rand(len(side)) * length
    half = side * length / 2
    low, high = (centre - half).round()[:, None], (centre + half).round()[:, None]
    places = torch.arange(length)
    return (places >= low) & (places < high)
