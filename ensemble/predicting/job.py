"""What is to be predicted, as plain values that any process can begin from."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from ensemble.predict import ServerUnits
from ensemble.predicting.copies import Copy
from ensemble.predicting.part_store import PartStore
from ensemble.rules.weights import Weights
from models.answers import Answers
from models.errors import RunError
from models.files import sha256
from models.recordings.truth import Truth
from models.recordings.where import Where
from models.runs import RunFolder


@dataclass(frozen=True, eq=False)
class Job:
    """See the module's docstring. All paths are absolute."""

    data: Where
    fingerprint: str
    """Of the recordings."""
    truth: Path | None
    """Where the answers come from that the recordings do not have."""
    runs: tuple[tuple[Path, ...], ...]
    """Of each member."""
    weights: Weights
    floor: Path | None
    written: tuple[str, ...]
    """The tiers that are predicted for a file."""
    evaluated: tuple[str, ...]
    units: ServerUnits
    """Of what is written, and how many frames are evaluated."""
    parts: Path
    """The folder in which finished parts are, by the job's key."""
    device: str
    threads: int | None = None
    """Of a process that computes on a CPU, on which its bits depend; None on a GPU."""
    resident: bool | None = None
    """Whether all networks stay in memory; None for where they are small."""
    store: str | None = None
    """The URI below which workers leave parts; None where all machines see the folder."""
    copies: Mapping[Path, Copy] = field(default_factory=dict)
    """Of runs, for machines that do not see them."""

    @property
    def tiers(self) -> tuple[str, ...]:
        """All that are predicted: the written ones first."""
        return (*self.written, *(tier for tier in self.evaluated if tier not in self.written))

    @property
    def all_runs(self) -> tuple[Path, ...]:
        """The members' and the floor, in the order in which they predict."""
        floor = () if self.floor is None else (self.floor,)
        return (*(run for runs in self.runs for run in runs), *floor)

    def part_store(self, key: str) -> PartStore | None:
        """That of the job with this key; None where all machines see the folder of parts."""
        return None if self.store is None else PartStore.of(self.store, key)

    def supplied(self, store: PartStore) -> "Job":
        """The job, with copies in its store of those runs that are in no other one."""
        lacking = [run for run in dict.fromkeys(self.all_runs) if run not in self.copies]
        return replace(self, copies={**self.copies, **store.upload(lacking)})

    def answers(self) -> Answers:
        """The responses to evaluate with."""
        return Answers(None if self.truth is None else Truth(self.truth))

    def key(self) -> str:
        """Twenty hexadecimal digits that change with everything that decides a part's numbers.

        Raises RunError where a run cannot be read.
        """
        content = {
            "runs": [[_run(path) for path in runs] for runs in self.runs],
            "floor": None if self.floor is None else _run(self.floor),
            "weights": _digest([self.weights.shared.tobytes()]),
            "own weights": {m: _digest([w.tobytes()]) for m, w in self.weights.own.items()},
            "recordings": self.fingerprint,
            "answers": None if self.truth is None else _truth(self.truth),
            "tiers": [self.written, self.evaluated],
            "units": [self.units.frames, self.units.normalise],
            "torch": torch.__version__,
            "computes on": "a GPU" if self.threads is None else f"{self.threads} threads",
        }
        return _digest([json.dumps(content, sort_keys=True).encode()])[:20]


def _run(path: Path) -> list[Any]:
    folder = RunFolder(path)
    record = folder.record()
    try:
        weights = sha256(folder.weights)
    except OSError as error:
        message = f"cannot read {folder.weights}: {error.strerror}"
        raise RunError(message, "Give back the run as it was, or build without it.") from error
    return [record.config.model_dump(mode="json"), record.frame_size, weights]


def _truth(folder: Path) -> list[str]:
    return [str(folder), sha256(folder / "recipe.json")]


def _digest(pieces: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()
