"""Who makes the parts: this process alone, or the workers of a cluster."""

import contextlib
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from typing import Protocol

import torch

from ensemble.predicting.job import Job
from ensemble.predicting.making import Maker
from ensemble.predicting.part_store import Keeper
from ensemble.predicting.parts import Part
from ensemble.predicting.workers import Workers, count_of, share_of
from models.devices import usable_device
from models.errors import UserError


class Crew(Protocol):
    """See the module's docstring."""

    job: Job
    """With the device and the threads that it is done with."""

    def make_all(self, parts: Sequence[Part], keeper: Keeper) -> Generator[Part]:
        """Each part in this order, once it is kept. Raises UserError."""


class Alone:
    """This process makes one part after the other."""

    def __init__(self, job: Job) -> None:
        on_cpu = usable_device(job.device).type == "cpu"
        self.job = replace(job, threads=torch.get_num_threads() if on_cpu else None)

    def make_all(self, parts: Sequence[Part], keeper: Keeper) -> Generator[Part]:
        """See `Crew`."""
        maker = Maker(self.job, keeper)
        for part in parts:
            maker.make(part)
            yield part


@contextlib.contextmanager
def gathered(job: Job, workers: Workers, tell: Callable[[str], None]) -> Iterator[Crew]:
    """Who is asked for, until the block ends. Raises UserError where that cannot be."""
    if workers.address is None:
        yield Alone(job)
        return
    try:
        from ensemble.predicting import cluster, spread  # Ray takes seconds to import
    except ImportError as error:
        remedy = "Install the project, or leave --address out."
        raise UserError(
            f"--address needs Ray, which cannot be imported: {error}", remedy
        ) from error
    threads = torch.get_num_threads()
    with cluster.joined(workers.address, workers.cpus(threads)):
        nodes = cluster.nodes()
        share = share_of(workers, job.device, sum(node.gpus for node in nodes), threads)
        count = count_of(workers, share, nodes)
        settled = replace(job, device=share.device, threads=None if share.gpus else threads)
        yield spread.Spread(settled, share, count, tell)
