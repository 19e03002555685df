"""How long each run of a search has held its GPUs, or on a CPU its slots."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.runs import RunFolder
from search.ledger import SEARCH, Stretch, read_ledger

SECONDS = "seconds"


@dataclass(frozen=True)
class Hours:
    """Hours by trial number, as text, and for the floor; runs of which nothing is known are missing."""

    by_key: dict[str, float]
    measured: bool
    """Whether the ledger tells them; else they are the sums of finished epochs."""

    @property
    def total(self) -> float:
        """Of all runs."""
        return sum(self.by_key.values())


def hours_of(folder: Path, runs: Iterable[RunFolder], gpus: float) -> Hours:
    """The hours of a search's runs times the GPUs that each held; of slots where it held none.

    A search without a ledger, as earlier versions left them, has those of the runs' epochs, with
    `gpus` a run.
    """
    stretches = read_ledger(folder)
    if stretches:
        return Hours(sum_of(stretches), measured=True)
    known = {run.path.name: seconds_of(_lines(run)) for run in runs}
    by_key = {key: each / 3600 * (gpus or 1) for key, each in known.items() if each is not None}
    return Hours(by_key, measured=False)


def sum_of(stretches: Iterable[Stretch]) -> dict[str, float]:
    """Hours by key, without those of the driver."""
    hours: defaultdict[str, float] = defaultdict(float)
    for each in stretches:
        if each.key != SEARCH:
            hours[each.key] += each.gpu_hours if each.gpus else each.hours
    return dict(hours)


def _lines(run: RunFolder) -> list[dict[str, float]]:
    """A run's epochs; none where its metrics are gone or unreadable."""
    try:
        return run.metrics()
    except (OSError, ValueError):
        return []


def seconds_of(lines: Sequence[dict[str, Any]]) -> float | None:
    """The sum over epochs that say how long they took; None where none does."""
    found = [float(line[SECONDS]) for line in lines if SECONDS in line]
    finite = [seconds for seconds in found if math.isfinite(seconds)]
    return sum(finite) if finite else None
