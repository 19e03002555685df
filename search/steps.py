"""One run, an epoch at a time, whose failures are results: what a trial and the floor share."""

import contextlib
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

from models.bringing import note_store, store_of
from models.errors import RunError, StorageError, UserError
from models.recordings.fetched import local_folder
from models.recordings.locks import locking
from models.recordings.where import Recorded, absolute
from models.remote import Remote
from models.runs import SCORE, RunFolder, Status
from models.training.failure import TrainingFailed, TrainingPaused
from models.training.memory import is_out_of_memory
from search.fresh import end
from search.mirror import Mirror
from search.notice import Notice
from search.plan import Plan, store_uri
from search.resources import Resources
from search.space import Flat, build

FINISHED = "finished"
"""Key of a result: whether the run has trained its full budget and is complete on disk."""
FAILURE = "failure"
"""Key of a result: why the run cannot go on."""
PAUSED = "paused"
"""Key of a result: that the run stands still, with a checkpoint, because it was asked to."""
LEAVING = "leaving"
"""Key of a paused result: the run goes on elsewhere; True if the cloud takes the machine, or why."""
SHARED = " (all that share the device need more than it has: set a larger --gpus-per-trial)"
TRACE = "traceback"
LOCK = "training.lock"
"""In the folder of a run: the process that trains it holds it."""
PATIENCE = 120.0
"""Seconds that a run waits for another process to let go of it: Ray's own end within a minute."""
LOOK = 1.0
"""Seconds between looks for the pause file, since folders may be remote."""
LOOK_AT_STORE = 5.0
"""The same in the store, which counts every look."""


class Settings(BaseModel):
    """What all runs of a search share; it travels to the workers."""

    runs: Path
    """The folder of the trials' run folders."""
    data: Recorded
    device: str = "auto"
    threads: int = 1
    """Threads of a run's arithmetic on the CPU."""
    pause: Path | None = None
    """Runs pause while this file is there, in the search's folder or in its store."""
    fit: str
    code: str = ""
    """Digest of the driver's code, which a worker's must have; empty where both are the same files."""
    notices: bool = False
    """Whether runs pause where the cloud says that it takes their machine away."""
    store: str = ""
    """URI of the search's folder in a store, to which runs are copied; empty where there is none."""
    own_disk: bool = False
    """Whether what is large of a run that is in the store, and does not train, is removed here."""

    @classmethod
    def of(cls, plan: Plan, runs: Path, pause: Path, resources: Resources) -> "Settings":
        """Of the runs in this folder that belong to a search."""
        return cls(
            runs=runs,
            data=absolute(plan.data),
            device=resources.device,
            threads=resources.threads,
            pause=pause,
            fit=plan.fit,
            store=store_uri(plan),
            own_disk=bool(plan.store) and resources.address is not None,
        )


def is_over(result: Mapping[str, Any]) -> bool:
    """Whether no step follows: the run is finished, has failed, or stands still."""
    return bool(result[FINISHED]) or FAILURE in result or PAUSED in result


def write_failure(run: RunFolder, epochs: int, reason: str) -> Status:
    """Write down a failure that a run of so many epochs could not write down itself."""
    lines = run.metrics()
    score = lines[-1][SCORE] if lines else None
    status = Status(state="failed", epoch=len(lines), epochs=epochs, score=score, reason=reason)
    end(run, status)
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


def _said(error: Exception) -> str:
    """An error's first line, and what helps where no memory was left before there was a batch."""
    first = (str(error).splitlines() or [""])[0]
    full = isinstance(error, RuntimeError) and is_out_of_memory(error)
    return f"{type(error).__name__}: {first}{SHARED if full else ''}"


@dataclass
class Steps:
    """A run in its folder; recordings and network are only loaded with the first step."""

    settings: Settings
    folder: Path
    flat: Flat
    _fit: AnyFit | None = field(default=None, init=False)
    _lock: ExitStack = field(default_factory=ExitStack, init=False)
    _notice: Notice = field(default_factory=Notice, init=False)
    _mirror: Mirror | None = field(default=None, init=False)
    _unfit: str = field(default="", init=False)
    """Why no run can have its recordings on this machine."""
    _looked: float = field(default=-math.inf, init=False)
    """When the pause file was looked for."""
    _looked_far: float = field(default=-math.inf, init=False)
    """When it was looked for in the store."""

    def step(self) -> dict[str, Any]:
        """Train one epoch: its metrics and FINISHED, or PAUSED, or FAILURE with the reason.

        Never raises.
        """
        try:
            return self._advance()
        except TrainingPaused:
            if self._mirror is not None:
                self._mirror.save_before_pause()
            self.release()
            leaving = {LEAVING: self._unfit or True} if self._unfit or self._notice.given else {}
            return {PAUSED: True, FINISHED: False, **leaving}
        except TrainingFailed as error:
            return self._failed(error.reason)
        except UserError as error:
            return self._failed(" ".join(error.message.split()))
        except Exception as error:
            # A trial's fault, out of memory included, is that trial's end and not the search's.
            return self._failed(_said(error), traceback.format_exc())

    def _advance(self) -> dict[str, Any]:
        self._looked = self._looked_far = -math.inf  # between epochs it is always looked for
        self._note_store()
        if self._is_to_pause():
            raise TrainingPaused
        mirror = self._begin()
        fit = self._fit = self._fit or self._load()
        # Already done: the worker was lost between the last epoch and its report.
        done = fit.done
        line = RunFolder(self.folder).metrics()[-1] if done else fit.train_epoch()
        if not math.isfinite(line[SCORE]):
            raise TrainingFailed(f"the validation score is {line[SCORE]}")
        if not fit.done:
            mirror.save()
            return {**line, FINISHED: False}
        fit.finish()
        mirror.save_all()
        self.release()
        return {**line, FINISHED: True}

    def _note_store(self) -> None:
        search, wanted = self.settings.runs.parent, self.settings.store
        if wanted and store_of(search) != Remote.parse(wanted):
            note_store(search, Remote.parse(wanted))

    def _begin(self) -> Mirror:
        """Take the run, once, with what other machines have left of it in the store."""
        if self._mirror is None:
            self._hold()
            mirror = Mirror(self.folder)
            mirror.take()
            self._mirror = mirror
        return self._mirror

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
        self._fetch()
        loaded: AnyFit = fit(self.folder, config, settings.data, settings.device, self._after_step)
        return loaded

    def _after_step(self) -> bool:
        """Whether to pause; a checkpoint that was written within the epoch is copied."""
        if self._mirror is not None:
            self._mirror.save_checkpoint()
        return self._is_to_pause()

    def _fetch(self) -> None:
        """Have the recordings here. On a cluster it is the node that is at fault where that fails."""
        try:
            local_folder(self.settings.data, self._look_up)
        except UserError as error:
            if not self.settings.notices:
                raise
            self._unfit = " ".join(error.message.split())
            raise TrainingPaused from error

    def _look_up(self, _name: str, _bytes: int) -> None:
        if self._is_to_pause():
            raise TrainingPaused

    def _is_to_pause(self) -> bool:
        """Whether the pause file is there, or the machine is taken away."""
        pause, now = self.settings.pause, time.monotonic()
        if pause is None or now - self._looked < LOOK:
            return False
        self._looked = now
        asked = pause.exists() or self._is_to_pause_by_store(pause)
        return asked or (self.settings.notices and self._notice.look())

    def _is_to_pause_by_store(self, pause: Path) -> bool:
        far = time.monotonic() - self._looked_far >= LOOK_AT_STORE
        place = store_of(pause.parent) if self.settings.store and far else None
        if place is None:
            return False
        try:
            return place.has(pause.name)
        except StorageError:  # a store that is away pauses nothing
            return False
        finally:
            self._looked_far = time.monotonic()  # by now: it may have taken a while

    def _failed(self, reason: str, trace: str = "") -> dict[str, Any]:
        if self._mirror is not None:
            with contextlib.suppress(RunError):  # another process has the run, as the reason says
                self._mirror.save()
        self.release()
        return {FAILURE: reason, TRACE: trace, FINISHED: False}

    def release(self) -> None:
        """Give back the memory of network and recordings, and the run."""
        self._fit = None
        if self._mirror is not None and self.settings.own_disk:
            self._mirror.drop()
        self._mirror = None
        self._lock.close()
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
