"""What a cluster promises: it scales, goes on after the loss of a node, and its driver stays small."""

import os
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path

from models.bench.figure import Figure, less_is_better, more_is_better
from models.bench.fresh import measure
from models.environment import variables
from search.bench.clustered import BESIDE

CLUSTERED = "search.bench.clustered"
PROMISES = {
    "scaling_efficiency_4": "0.9",
    "recovery_s": "30 s after Ray",
    "driver_mb_1000_trials": "1,000 MB",
}
NODES = (1, 2, 4)
IDEAL = 1.0
LIMIT_MB = 1000.0


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    trials_a_node: int
    """Sleeping trials, of twenty seconds each. The workers of all nodes load their libraries on this
    machine's cores, as those of machines of their own would not: that takes more than half a trial."""
    trivial: int
    """Trials for the driver's memory."""


@dataclass(frozen=True)
class Clustered:
    """The figures, and what they were made from."""

    figures: list[Figure]
    walls: dict[int, float]
    """Seconds by nodes."""
    begun: dict[int, float]
    """Of these, until a trial began to train."""
    detected: float
    """Seconds until Ray saw that a node was lost."""

    def lines(self) -> list[str]:
        """What stands beside the table."""
        lost = self.figures[1].value
        return [
            f"as many sleeping trials a node: {_by_nodes(self.walls)}",
            f"until the first of them trained: {_by_nodes(self.begun)}",
            f"a lost node: Ray saw it after {self.detected:.1f} s, "
            f"and a trial went on {lost - self.detected:.1f} s later",
            f"load of the machine at the end: {os.getloadavg()[0]:.1f}",
        ]


def bench_cluster(size: Size) -> Clustered:
    """Run searches on declared nodes, each in a fresh process.

    Beside the figures stand what is ideal (an efficiency of 1), what Ray itself takes to see a loss,
    and what a driver may take.
    """
    scaled = {count: _run("scaling", count, count * size.trials_a_node) for count in NODES}
    walls = {count: wall for count, (wall, _) in scaled.items()}
    begun = {count: first for count, (_, first) in scaled.items()}
    lost, detected = _run("recovery")
    peak, _ = _run("memory", size.trivial)
    figures = [
        more_is_better("scaling_efficiency_4", walls[1] / walls[4], "", IDEAL),
        less_is_better("recovery_s", lost, "s", detected),
        less_is_better("driver_mb_1000_trials", peak, "MB", LIMIT_MB),
    ]
    return Clustered(figures, walls, begun, detected)


def _run(way: str, *arguments: object) -> tuple[float, float]:
    """What a search gives, and what it gives beside that; NaN where there is nothing."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, variables(_of_ray()):
        result = measure(f"{CLUSTERED}:{way}", folder, *arguments).result
        beside = Path(folder) / BESIDE
        return result, float(beside.read_text()) if beside.exists() else float("nan")


def _by_nodes(seconds: dict[int, float]) -> str:
    return ", ".join(f"{each:.0f} s on {count}" for count, each in seconds.items())


def _of_ray() -> dict[str, str]:
    """What Ray reads when it is imported."""
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    # Each declared node stands for a machine of its own, on which no other process goes first.
    return {"RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0", **token}
