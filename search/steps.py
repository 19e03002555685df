"""One run, an epoch at a time, whose failures are results: what a trial and the floor share."""

import gc
import importlib
import math
import time
import traceback
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from pydantic import BaseModel

from models.errors import RunError, UserError
from models.recordings.locks import locking
from models.runs import SCORE, RunFolder, Status
from models.training.failure import TrainingFailed, TrainingPaused
from search.notice import Notice
from search.space import Flat, build

FINISHED = "finished"
"""Key of a result: whether the run has trained its full budget and is complete on disk."""
FAILURE = "failure"
"""Key of a result: why the run cannot go on."""
PAUSED = "paused"
"""Key of a result: that the run stands still, with a checkpoint, because it was asked to."""
LEAVING = "leaving"
"""Key of a paused result: that the cloud takes the machine away, so that the run goes on elsewhere."""
TRACE = "traceback"
LOCK = "training.lock"
"""In the folder of a run: the process that trains it holds it."""
PATIENCE = 120.0
"""Seconds that a run waits for another process to let go of it: Ray's own end within a minute."""


class Settings(BaseModel):
    """What all runs of a search share; it travels to the workers."""

    runs: Path
    """The folder of the trials' run folders."""
    data: Path
    device: str = "auto"
    threads: int = 1
    """Threads of a run's arithmetic on the CPU."""
    pause: Path | None = None
    """Runs pause while this file is there: all workers see the search's folder."""
    fit: str
    code: str = ""
    """Digest of the driver's code, which a worker's must have; empty where both are the same files."""
    notices: bool = False
    """Whether runs pause where the cloud says that it takes their machine away."""


def is_over(result: Mapping[str, Any]) -> bool:
    """Whether no step follows: the run is finished, has failed, or stands still."""
    return bool(result[FINISHED]) or FAILURE in result or PAUSED in result


def write_failure(run: RunFolder, epochs: int, reason: str) -> Status:
    """Write down a failure that a run of so many epochs could not write down itself."""
    lines = run.metrics()
    score = lines[-1][SCORE] if lines else None
    status = Status(state="failed", epoch=len(lines), epochs=epochs, score=score, reason=reason)
    run.end(status)
    return status


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
    _lock: ExitStack = field(default_factory=ExitStack, init=False)
    _notice: Notice = field(default_factory=Notice, init=False)
    _looked: float = field(default=-math.inf, init=False)
    """When the pause file was looked for."""

    def step(self) -> dict[str, Any]:
        """Train one epoch: its metrics and FINISHED, or PAUSED, or FAILURE with the reason.

        Never raises.
        """
        try:
            return self._advance()
        except TrainingPaused:
            self.release()
            leaving = {LEAVING: True} if self._notice.given else {}
            return {PAUSED: True, FINISHED: False, **leaving}
        except TrainingFailed as error:
            return self._failed(error.reason)
        except UserError as error:
            return self._failed(" ".join(error.message.split()))
        except Exception as error:
            # A trial's fault, out of memory included, is that trial's end and not the search's.
            first = (str(error).splitlines() or [""])[0]
            return self._failed(f"{type(error).__name__}: {first}", traceback.format_exc())

    def _advance(self) -> dict[str, Any]:
        self._looked = -math.inf  # between epochs it is always looked for
        if self._is_to_pause():
            raise TrainingPaused
        if self._fit is None:
            self._hold()
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

    def _hold(self) -> None:
        """Be the only process that trains this run: one that a lost driver left may still do so."""
        self.folder.mkdir(parents=True, exist_ok=True)
        deadline = time.monotonic() + PATIENCE
        while not self._lock.enter_context(locking(self.folder / LOCK)):
            if time.monotonic() > deadline:
                message = f"another process trains {self.folder}"
                raise RunError(message, "End it, then resume the search.")
            time.sleep(0.2)

    def _load(self) -> AnyFit:
        torch.set_num_threads(self.settings.threads)
        module, name = self.settings.fit.split(":")
        fit = getattr(importlib.import_module(module), name)
        settings, config = self.settings, build(self.flat)
        loaded: AnyFit = fit(self.folder, config, settings.data, settings.device, self._is_to_pause)
        return loaded

    def _is_to_pause(self) -> bool:
        """Whether the pause file is there; looked for once a second, since folders may be remote."""
        if self.settings.pause is None or time.monotonic() - self._looked < 1:
            return False
        self._looked = time.monotonic()
        return self.settings.pause.exists() or (self.settings.notices and self._notice.look())

    def _failed(self, reason: str, trace: str = "") -> dict[str, Any]:
        self.release()
        return {FAILURE: reason, TRACE: trace, FINISHED: False}

    def release(self) -> None:
        """Give back the memory of network and recordings, and the run."""
        self._fit = None
        self._lock.close()
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
