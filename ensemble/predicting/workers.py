"""How many processes predict, and on what."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

from models.errors import UserError


@dataclass(frozen=True)
class Workers:
    """What is asked for."""

    address: str | None = None
    """Of a Ray cluster: auto, HOST:PORT, or local for one on this machine; None for this process."""
    count: int | None = None
    """None for as many as fit."""
    gpus: float | None = None
    """Of each; None for one where there are any."""
    store: str | None = None
    """The URI below which they leave parts; None where all machines see the folder of the files."""

    def check(self) -> None:
        """Raise UserError for what makes no sense without a cluster, or anywhere."""
        given = (self.count, self.gpus, self.store)
        if self.address is None and any(each is not None for each in given):
            message = (
                "--workers, --gpus-per-worker and --store are of a Ray cluster; found no --address"
            )
            raise UserError(message, "Add --address local, auto, or HOST:PORT.")
        share = self.gpus or 0.0
        if share < 0 or (share > 1 and share != int(share)):
            message = f"--gpus-per-worker is 0, a part of one, or a whole number; found {share:g}"
            raise UserError(message, "Give 0.5 for two workers on each GPU.")

    def cpus(self, threads: int) -> int:
        """Of a cluster that is started for them on this machine."""
        return max(os.cpu_count() or 1, (self.count or 1) * threads)


@dataclass(frozen=True)
class Node:
    """A machine of the cluster, as Ray counts."""

    cpus: float
    gpus: float


@dataclass(frozen=True)
class Share:
    """What one worker has."""

    cpus: int
    gpus: float

    def __str__(self) -> str:
        cpus = f"{self.cpus} CPU{'s' if self.cpus > 1 else ''}"
        return f"{self.gpus:g} GPU and {cpus}" if self.gpus else cpus

    @property
    def device(self) -> str:
        """Where it computes."""
        return "cuda" if self.gpus else "cpu"

    def fits(self, node: Node) -> int:
        """How many workers a machine has room for; Ray splits no worker's share over GPUs."""
        by_cpus = int(node.cpus // self.cpus)
        if not self.gpus:
            return by_cpus
        if self.gpus > 1:
            return min(by_cpus, int(node.gpus // self.gpus))
        return min(by_cpus, int(node.gpus) * int(1 / self.gpus + 1e-9))


def share_of(workers: Workers, device: str, gpus: float, threads: int) -> Share:
    """What each worker gets of a cluster of so many GPUs; on a CPU, as many threads as this process.

    Raises UserError for GPUs that are not there: Ray would wait for them for ever.
    """
    on_cpu = device == "cpu"
    wanted = workers.gpus
    if wanted is None:
        wanted = 1.0 if gpus and not on_cpu else 0.0
    if on_cpu and wanted:
        raise UserError(
            f"--device cpu needs no GPU; found --gpus-per-worker {wanted:g}", "Leave one away."
        )
    if not wanted and device.startswith("cuda"):
        raise UserError(
            f"--device {device} needs GPUs; found none for the workers",
            "Give --device cpu, or a cluster with GPUs.",
        )
    return Share(cpus=1, gpus=wanted) if wanted else Share(cpus=threads, gpus=0.0)


def count_of(workers: Workers, share: Share, nodes: Sequence[Node]) -> int:
    """How many workers there are to be. Raises UserError where not even one fits."""
    most = sum(share.fits(node) for node in nodes)
    if not most:
        found = " and ".join(f"{node.cpus:g} CPUs, {node.gpus:g} GPUs" for node in nodes) or "none"
        message = f"no machine of the Ray cluster has {share} for a worker"
        remedy = (
            "Leave --gpus-per-worker out, or set OMP_NUM_THREADS, which says how many CPUs a worker"
            " has where there is no GPU."
        )
        raise UserError(f"{message}; found {found}", remedy)
    return most if workers.count is None else min(workers.count, most)
