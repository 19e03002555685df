"""Parts made by workers of a Ray cluster; those of a worker that is lost are made by another."""

import contextlib
import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Sequence
from typing import Any

import ray

from ensemble.predicting.job import Job
from ensemble.predicting.part_store import Keeper, PartStore
from ensemble.predicting.parts import Part, PartFolder
from ensemble.predicting.worker import SHARED, Answer, Software, Worker
from ensemble.predicting.workers import Share
from models.clusters import described
from models.errors import UserError

TRIES = 3
"""Of a part; and of workers in a row that end before they begin."""
PATIENCE = 20.0
"""Seconds without any worker before that is said."""
SIGHT = 60.0
"""Seconds until a file that a worker wrote is seen here: network file systems take their time."""
WAIT = 1.0
LATER = "Run it again: what is finished is kept."


class Spread:
    """Workers of the cluster that this process is connected to."""

    def __init__(self, job: Job, share: Share, count: int, tell: Callable[[str], None]) -> None:
        self.job, self._share, self._count, self._tell = job, share, count, tell
        self._busy: dict[Any, tuple[Any, Part | None]] = {}
        """By Ray's reference to its answer, a worker and its part; None while it begins."""
        self._free: list[Any] = []
        self._waiting: deque[Part] = deque()
        self._done: set[Part] = set()
        self._failures: Counter[Part | None] = Counter()
        """By part; of None, workers that did not begin since the last one that did."""

    def make_all(self, parts: Sequence[Part], keeper: Keeper) -> Generator[Part]:
        """Each part in this order, once it is kept.

        Raises UserError for what a worker lacks, and for a part that failed again and again.
        """
        self._keeper, self._began = keeper, time.monotonic()
        if isinstance(keeper, PartStore) and parts:
            self.job = self.job.supplied(keeper)
        self._waiting.extend(parts)
        count = min(self._count, len(parts))
        self._tell(f"{len(parts)} parts on {count} workers, each with {self._share}")
        try:
            for _ in range(count):
                self._start()
            for part in parts:
                while part not in self._done:
                    self._step()
                if isinstance(keeper, PartFolder):
                    _see(part, keeper)
                yield part
        except ray.exceptions.RayError as error:
            raise UserError(f"the Ray cluster is gone: {described(error)}", LATER) from error
        finally:
            self._end()

    def _start(self) -> None:
        """Ask for one more worker; it begins when the cluster has room."""
        actor: Any = ray.remote(Worker)
        worker = actor.options(num_cpus=self._share.cpus, num_gpus=self._share.gpus).remote()
        # Of the memory of its GPU, or of a machine on which all workers might be.
        memory = min(self._share.gpus, 1.0) or 1 / self._count
        reference = worker.begin.remote(self.job, self._keeper, memory, Software.here())
        self._busy[reference] = worker, None

    def _step(self) -> None:
        """Hand out parts, and take the answers that are there."""
        while self._free and self._waiting:
            worker, part = self._free.pop(), self._waiting.popleft()
            self._busy[worker.make.remote(part)] = worker, part
        ready, _ = ray.wait([*self._busy], timeout=WAIT)
        for reference in ready:
            worker, taken = self._busy.pop(reference)
            self._take(worker, taken, _answer(reference))
        self._tell_if_late()

    def _take(self, worker: Any, part: Part | None, answer: Answer) -> None:
        if answer.failure:
            self._give_up_or_repeat(worker, part, answer)
            return
        self._failures.pop(part, None)
        self._began = 0.0
        self._free.append(worker)
        if part is not None:
            self._done.add(part)

    def _give_up_or_repeat(self, worker: Any, part: Part | None, answer: Answer) -> None:
        what = "a worker did not begin" if part is None else f"part {part} failed"
        if answer.lasting:
            raise UserError(f"{what}: {answer.failure}", answer.remedy)
        self._failures[part] += 1
        if self._failures[part] == TRIES:
            remedy = f"{answer.remedy} {LATER}".lstrip()
            raise UserError(f"{what} {TRIES} times: {answer.failure}", remedy)
        self._tell(f"{what}, and is tried again: {answer.failure}")
        ray.kill(worker)  # whatever state it, or its GPU, is in
        if part is not None:
            self._waiting.appendleft(part)
        self._start()

    def _tell_if_late(self) -> None:
        if self._began and time.monotonic() - self._began > PATIENCE:
            self._began = 0.0
            self._tell(
                f"no worker has begun yet: perhaps the cluster has no room for one with {self._share}"
            )

    def _end(self) -> None:
        for worker in [*self._free, *(worker for worker, _ in self._busy.values())]:
            with contextlib.suppress(ray.exceptions.RayError):
                ray.kill(worker)
        self._free.clear()
        self._busy.clear()


def _see(part: Part, folder: PartFolder) -> None:
    """Wait until the part's file is seen here. Raises UserError where it never is."""
    until = time.monotonic() + SIGHT
    while not folder.has(part):
        if time.monotonic() > until:
            message = f"a worker made part {part}, and it is not in {folder.path}"
            raise UserError(message, SHARED)
        time.sleep(WAIT)


def _answer(reference: Any) -> Answer:
    """Of a worker; that it is lost where it cannot give one."""
    try:
        answer: Answer = ray.get(reference)
    except ray.exceptions.RayTaskError as error:  # it could not even load this code
        return Answer(described(error.cause), SHARED, lasting=True)
    except ray.exceptions.RayError as error:
        return Answer(f"the worker was lost: {described(error)}")
    return answer
