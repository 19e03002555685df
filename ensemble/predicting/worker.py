"""A process of the cluster that makes parts; it says what went wrong instead of raising it."""

import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from ensemble.predicting.job import Job
from ensemble.predicting.making import Maker
from ensemble.predicting.part_store import Keeper, PartStore
from ensemble.predicting.parts import Part, PartFolder
from models.errors import StorageError, UserError
from models.runs import RunFolder
from models.versions import code_version

SHARED = (
    "Runs, recordings and the folder of the files must lie on storage that every node sees under "
    "the same path. Without such storage give recordings by the URI of their packed store, and --store "
    "s3://BUCKET/FOLDER; runs are fetched from there."
)


@dataclass(frozen=True)
class Software:
    """What decides how a worker computes; it has to be the driver's."""

    code: str
    torch: str

    @classmethod
    def here(cls) -> "Software":
        """Of this process."""
        return cls(code_version(), torch.__version__)

    def __str__(self) -> str:
        return f"{self.code} with torch {self.torch}"


@dataclass(frozen=True)
class Answer:
    """How it went: exceptions cannot all be sent, so this has their words."""

    failure: str = ""
    """Empty where all is well."""
    remedy: str = ""
    lasting: bool = False
    """Whether the same would happen again, on any worker."""


class Worker:
    """What a Ray actor does."""

    def begin(self, job: Job, keeper: Keeper, share: float, driver: Software) -> Answer:
        """Look at all that the job needs, and fetch runs that are not here; `share` as in Maker."""
        return _answer(lambda: self._begin(job, keeper, share, driver))

    def make(self, part: Part) -> Answer:
        """Make a part, which is then kept."""
        return _answer(lambda: self._maker.make(part))

    def _begin(self, job: Job, keeper: Keeper, share: float, driver: Software) -> None:
        here = Software.here()
        if here != driver:
            message = f"its code is {here}, that of this process {driver}"
            raise UserError(message, "Use the same code and packages on every node.")
        for run, copy in job.copies.items():
            copy.fetch(run)
        _check_storage(job, keeper)
        if job.threads is not None:
            torch.set_num_threads(job.threads)
        self._maker = Maker(job, keeper, share)


def _check_storage(job: Job, keeper: Keeper) -> None:
    """UserError for what this machine does not see, or where it cannot keep parts."""
    wanted = [
        *([job.data] if isinstance(job.data, Path) else []),
        *(RunFolder(run).weights for run in job.all_runs),
        *([job.truth] if job.truth else []),
        *([keeper.path] if isinstance(keeper, PartFolder) else []),
    ]
    missing = [str(path) for path in wanted if not _is_there(path)]
    if missing:
        raise UserError(f"it does not see {', '.join(missing)}", SHARED)
    if isinstance(keeper, PartStore):
        keeper.check()


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False


def _answer(act: Callable[[], None]) -> Answer:
    where = socket.gethostname()
    try:
        act()
    except UserError as error:
        lasting = not isinstance(error, StorageError)  # a store may be away for a moment
        return Answer(f"worker on {where}: {error.message}", error.remedy, lasting)
    except Exception as error:  # what a driver, a GPU or a network may do on one machine only
        reason = next(iter(str(error).splitlines()), "")
        return Answer(f"worker on {where}: {type(error).__name__}: {reason}")
    return Answer()
