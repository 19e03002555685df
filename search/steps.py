"""One run, an epoch at a time, whose failures are results: what a trial and the floor share."""

import gc
import importlib
import math
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from pydantic import BaseModel

from models.errors import UserError
from models.runs import SCORE, RunFolder
from models.training.failure import TrainingFailed
from search.space import Flat, build

FINISHED = "finished"
"""Key of a result: whether the run has trained its full budget and is complete on disk."""
FAILURE = "failure"
"""Key of a result: why the run cannot go on."""
TRACE = "traceback"


class Settings(BaseModel):
    """What all runs of a search share; it travels to the workers."""

    runs: Path
    """The folder of the trials' run folders."""
    data: Path
    device: str = "auto"
    threads: int = 1
    """Threads of a run's arithmetic on the CPU."""
    fit: str


class AnyFit(Protocol):
    """What trains a run: `models.fit.Fit`."""

    @property
    def done(self) -> bool:
        """Whether the full budget is trained."""

    def train_epoch(self) -> dict[str, float]:
        """Train, validate and write down one epoch."""

    def finish(self) -> None:
        """Complete the run on disk."""


@dataclass
class Steps:
    """A run in its folder; recordings and network are only loaded with the first step."""

    settings: Settings
    folder: Path
    flat: Flat
    _fit: AnyFit | None = field(default=None, init=False)

    def step(self) -> dict[str, Any]:
        """Train one epoch: its metrics and FINISHED, or FAILURE with the reason. Never raises."""
        try:
            return self._advance()
        except TrainingFailed as error:
            return self._failed(error.reason)
        except UserError as error:
            return self._failed(" ".join(error.message.split()))
        except Exception as error:
            # A trial's fault, out of memory included, is that trial's end and not the search's.
            first = (str(error).splitlines() or [""])[0]
            return self._failed(f"{type(error).__name__}: {first}", traceback.format_exc())

    def _advance(self) -> dict[str, Any]:
        if self._fit is None:
            self._fit = self._load()
        # Already done: the worker was lost between the last epoch and its report.
        done = self._fit.done
        line = RunFolder(self.folder).metrics()[-1] if done else self._fit.train_epoch()
        if not math.isfinite(line[SCORE]):
            raise TrainingFailed(f"the validation score is {line[SCORE]}")
        finished = self._fit.done
        if finished:
            self._fit.finish()
            self.release()
        return {**line, FINISHED: finished}

    def _load(self) -> AnyFit:
        torch.set_num_threads(self.settings.threads)
        module, name = self.settings.fit.split(":")
        fit = getattr(importlib.import_module(module), name)
        loaded: AnyFit = fit(
            self.folder, build(self.flat), self.settings.data, self.settings.device
        )
        return loaded

    def _failed(self, reason: str, trace: str = "") -> dict[str, Any]:
        self.release()
        return {FAILURE: reason, TRACE: trace, FINISHED: False}

    def release(self) -> None:
        """Give back the memory of network and recordings."""
        self._fit = None
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
