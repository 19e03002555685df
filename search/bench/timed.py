"""Minutes of processor time: a `models.fit.Fit` that notes its own, and the limit of a search by them.

    <run>/cpu_s.json    seconds of loading, training and validating, over all processes of the run

On a machine that does other things as well, equal hours are not equal work.
"""

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from pydantic import PrivateAttr

from models.config import RunConfig
from models.files import write_json
from models.fit import Fit
from search.ledger import Stretch
from search.limits import Limits

FIT = "search.bench.timed:TimedFit"
FILE = "cpu_s.json"
EVERY = 1.0
"""Seconds between notes, and between looks at them."""


class Meter:
    """The processor time of this process, over all threads, while it is at work on a run."""

    def __init__(self, run: Path) -> None:
        self.run, self._last = run, time.process_time()

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        """Count the block, also if it fails."""
        self._last = time.process_time()
        try:
            yield
        finally:
            if self.run.is_dir():
                self._note()

    def tick(self) -> None:
        """Within the block: write down what was used, if it is time to."""
        if time.process_time() - self._last >= EVERY:
            self._note()

    def _note(self) -> None:
        now = time.process_time()
        write_json(self.run / FILE, _noted(self.run) + now - self._last)
        self._last = now


class TimedFit(Fit):
    """See the module's docstring."""

    def __init__(
        self,
        folder: Path,
        config: RunConfig,
        data: Path,
        device: str = "auto",
        pause: Callable[[], bool] = lambda: False,
    ) -> None:
        """As Fit's."""
        self._meter = Meter(folder)

        def asked() -> bool:
            self._meter.tick()
            return pause()

        with self._meter.at_work():
            super().__init__(folder, config, data, device, asked)

    def train_epoch(self) -> dict[str, float]:
        """As Fit's; an epoch that fails or is paused counts as far as it came."""
        with self._meter.at_work():
            return super().train_epoch()

    def finish(self) -> None:
        """As Fit's."""
        with self._meter.at_work():
            super().finish()


class ProcessorLimits(Limits):
    """Ends a search when its trials have used so many minutes; `hours` are of a clock, as ever."""

    minutes: float
    """Of processor time, of all trials together."""
    runs: Path
    """The folder of their run folders."""
    _looked: float = PrivateAttr(default=float("-inf"))
    _used: float = PrivateAttr(default=0.0)

    def used_up(self, stretches: Sequence[Stretch]) -> str:
        """As Limits'."""
        if time.monotonic() - self._looked >= EVERY:
            self._looked, self._used = time.monotonic(), cpu_minutes(self.runs)
        if self._used >= self.minutes:
            return f"{self._used:.2f} of {self.minutes:g} minutes of processor time are used"
        return super().used_up(stretches)


def cpu_minutes(runs: Path) -> float:
    """Of all runs below this folder."""
    return sum(_noted(path.parent) for path in runs.glob(f"*/{FILE}")) / 60


def _noted(run: Path) -> float:
    path = run / FILE
    return float(json.loads(path.read_text())) if path.exists() else 0.0
