"""Clips of one mouse, and what a network responds to them."""

import torch


def clip(frames=20, size=(9, 16), batch=1):
    """Always the same video (B, T, H, W) and behaviour (B, 4, T)."""
    random = torch.Generator().manual_seed(0)
    video = 255 * torch.rand(batch, frames, *size, generator=random)
    return video, 5 * torch.rand(batch, 4, frames, generator=random)


def respond(network, video, behaviour):
    """The first mouse's responses (B, N, T)."""
    with torch.no_grad():
        return network(video, behaviour, [(0, slice(None))])[0]
