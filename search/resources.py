"""How many trials run at a time, and on what."""

import os
from dataclasses import dataclass, field

import torch

from models.errors import UserError
from search.holders import Holders


@dataclass(frozen=True)
class Resources:
    """What a search uses of this machine."""

    slots: int
    """Trials at a time."""
    gpus_per_trial: float
    gpus: int
    """GPUs of this machine, or of the cluster as it is now."""
    threads: int
    """Threads of a trial."""
    address: str | None = None
    """Of a Ray cluster that runs already; None for a Ray of this search's own, on this machine."""
    ahead: int = 1
    """Trials that Ray is asked to hold beyond the slots, so that no slot waits for a proposal."""
    holders: Holders = field(default_factory=Holders, compare=False)
    """Nodes where trials start first."""

    @property
    def device(self) -> str:
        """The device of a trial."""
        return "auto" if self.gpus_per_trial else "cpu"


def choose_resources(
    slots: int | None, gpus_per_trial: float | None, cpus_per_trial: float = 1.0
) -> Resources:
    """What is asked for, else a GPU a trial where there are GPUs, else a core a trial.

    Raises UserError for GPUs that are not there: Ray would wait for them for ever.
    """
    gpus, cores = torch.cuda.device_count(), cpu_count()
    share = (1.0 if gpus else 0.0) if gpus_per_trial is None else gpus_per_trial
    most = _trials_on_gpus(gpus, share)
    if slots is None:
        slots = max(int(cores / cpus_per_trial), 1) if most is None else most
    if slots < 1:
        raise UserError(f"a search runs at least one trial at a time; found --slots {slots}")
    if most is not None and slots > most:
        message = f"{slots} trials at a time with {share:g} GPU each do not fit on {gpus} GPUs"
        raise UserError(message, f"Give --slots {most} or less, or a smaller --gpus-per-trial.")
    return Resources(slots, share, gpus, max(1, cores // slots))


def _trials_on_gpus(gpus: int, share: float) -> int | None:
    """How many trials fit on the GPUs; None where they ask for none. Ray splits no trial's share."""
    check_share(share)
    if share == 0:
        return None
    most = gpus * int(1 / share + 1e-9) if share <= 1 else gpus // int(share)
    if most == 0:
        message = f"--gpus-per-trial {share:g} asks for GPUs; found {gpus} on this machine"
        raise UserError(message, "Leave it out to train on the CPU.")
    return most


def check_share(share: float) -> None:
    """Raise UserError for GPUs of a trial that Ray cannot give."""
    if share < 0 or (share > 1 and share != int(share)):
        message = f"--gpus-per-trial is 0, a part of one, or a whole number; found {share:g}"
        raise UserError(message, "Give 0.5 for two trials on each GPU, 2 for two GPUs a trial.")


def cpu_count() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
