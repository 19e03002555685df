"""The networks of many runs: all in memory where they are small, else the one that predicts."""

from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

import psutil
import torch

from models.devices import usable_device
from models.runs import RunFolder
from models.trained import TrainedRun

MOST = 0.25
"""Of the free memory, for all networks together: predicting needs the rest."""


class Networks:
    """Opens runs on a device. What they predict does not depend on which stay in memory."""

    def __init__(
        self,
        device: str,
        runs: Iterable[Path] = (),
        resident: bool | None = None,
        share: float = 1.0,
    ) -> None:
        """`resident` says whether opened runs stay; None for where all `runs` fit.

        `share` is the part of the device's memory that this process may have.
        """
        self._device, self._runs, self._share = device, tuple(runs), share
        self._resident = resident
        self._opened: dict[Path, TrainedRun] = {}

    @cached_property
    def resident(self) -> bool:
        """Whether opened runs stay in memory, decided when the first one is opened."""
        if self._resident is not None:
            return self._resident
        weights = sum(RunFolder(run).weights.stat().st_size for run in set(self._runs))
        return weights <= MOST * self._share * free_memory(usable_device(self._device))

    def open(self, path: Path) -> TrainedRun:
        """A run, ready to predict. Raises RunError for what is missing or does not fit."""
        if path not in self._opened:
            if not self.resident:
                self._opened.clear()  # before the next one is there
            self._opened[path] = TrainedRun.open(path, self._device)
        return self._opened[path]


def free_memory(device: torch.device) -> int:
    """Bytes of the device, or of this machine for the CPU."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return int(psutil.virtual_memory().available)
