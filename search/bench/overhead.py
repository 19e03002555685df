"""What a search takes beside the training: time between trials, time a trial, proposals, memory."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from models.bench.figure import Figure, less_is_better
from models.bench.fresh import measure
from search.bench.driving import DRIVEN, Driven

DRIVING = "search.bench.driving"
PROPOSALS = "search.bench.proposals"
PROMISES = {
    "between_trials_s": "0.5 s",
    "overhead_per_trial_s": "0.1 s",
    "propose_1000_s": "0.5 s",
    "driver_mb_per_1000": "100 MB",
}
LEAST_MB = 0.1
"""A driver that grows by less is taken to grow by so much."""


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    trials: int
    warm_up: int
    """Trials before them, in which libraries are loaded."""
    past: int
    """Trials that a proposal is made from."""


@dataclass(frozen=True)
class Overhead:
    """The figures, and what they were made from."""

    figures: list[Figure]
    ours: Driven
    bare: Driven

    def lines(self) -> list[str]:
        """What stands beside the table."""
        ways = {"search": self.ours, "plain way": self.bare}
        said = [
            f"{name}: {driven.processor_s / driven.trials:.3f} s of the driver's processor a trial, "
            f"{driven.worst_between_s:.2f} s between trials at worst"
            for name, driven in ways.items()
        ]
        return [*said, f"load of the machine at the end: {os.getloadavg()[0]:.1f}"]


def bench_overhead(size: Size) -> Overhead:
    """Run trivial trials and proposals, ours and the plain way's, in fresh processes."""
    ours, bare = (_driven(way, size) for way in ("ours", "bare"))
    proposals = [measure(f"{PROPOSALS}:{way}", size.past).result for way in ("ours", "plain")]
    proposing = less_is_better("propose_1000_s", proposals[0], "s", proposals[1])
    found = {figure.name: figure for figure in [*figures_of(ours, bare), proposing]}
    figures = [found[name] for name in PROMISES]
    return Overhead(figures, ours, bare)


def figures_of(ours: Driven, bare: Driven) -> list[Figure]:
    """What follows from the trials of a search and of bare Ray Tune."""
    walls = [each.wall_s / each.trials for each in (ours, bare)]
    grown = [max(1000 * each.growth_mb / each.trials, LEAST_MB) for each in (ours, bare)]
    return [
        less_is_better("between_trials_s", ours.between_s, "s", bare.between_s),
        less_is_better("overhead_per_trial_s", walls[0], "s", walls[1]),
        less_is_better("driver_mb_per_1000", grown[0], "MB", grown[1]),
    ]


def _driven(way: str, size: Size) -> Driven:
    """Trivial trials in a fresh process, with a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        measure(f"{DRIVING}:{way}", folder, size.trials, size.warm_up)
        return Driven.model_validate_json((Path(folder) / DRIVEN).read_text())
