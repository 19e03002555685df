"""The training trials one after the other, as a network may see them before it is trained."""

from collections.abc import Iterator, Sequence

import torch

from models.networks.network import Shown
from models.recordings.clips import downsampled
from models.recordings.trials import MouseTrials, Trial


def shown_trials(
    mice: Sequence[tuple[MouseTrials, Sequence[Trial]]], downsample: int, device: torch.device
) -> Iterator[Shown]:
    """Each of these trials, read when it is asked for; mice by their place, frames downsampled."""
    for place, (mouse, trials) in enumerate(mice):
        for trial in trials:
            yield Shown(
                mouse=place,
                film=trial.group,
                video=downsampled(torch.from_numpy(mouse.video(trial)).to(device), downsample),
                behaviour=torch.from_numpy(mouse.behaviour(trial)).to(device),
                responses=torch.from_numpy(mouse.responses(trial)).to(device),
            )
            mouse.arrays.release()
