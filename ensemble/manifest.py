"""What a submission was made of: manifest.json beside its files, from which they can be made again."""

import datetime
import hashlib
import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ensemble.chosen import Ensemble
from ensemble.evaluation import TierScores
from ensemble.members import Member
from ensemble.rules.weights import Weights
from ensemble.selection import Selection, mean_weights
from ensemble.stores import bring_weights
from models.config import RunConfig
from models.errors import Problem, ProblemsFound, UserError
from models.files import sha256, write_json
from models.recordings.session import Session, fingerprint
from models.runs import RunFolder
from models.versions import code_version, package_versions

NAME = "manifest.json"


class RunEntry(BaseModel):
    """A run of a member."""

    model_config = ConfigDict(frozen=True)

    folder: str
    weights_sha256: str


class MemberEntry(BaseModel):
    """A member that takes part."""

    model_config = ConfigDict(frozen=True)

    label: str
    """Its number in the search, or its folder's name."""
    runs: list[RunEntry]
    """Whose mean it predicts."""
    config_hash: str
    """Twelve hexadecimal digits of the first run's configuration."""
    held_out_score: float | None
    """None of an imported run, whose held-out trials are not known."""
    confirmed: bool
    """Whether it was trained again, with other seeds, after a search had chosen it."""
    weight: float
    """Mean over mice and neurons."""


class WeightsEntry(BaseModel):
    """Weights of the members, in their order."""

    model_config = ConfigDict(frozen=True)

    shared: list[float]
    """For every mouse without weights of its own."""
    own: dict[str, list[float] | list[list[float]]] = {}
    """By mouse: one a member, or of each neuron one a member."""

    @classmethod
    def of(cls, weights: Weights) -> "WeightsEntry":
        """As plain numbers."""
        return cls(
            shared=weights.shared.tolist(),
            own={mouse: each.tolist() for mouse, each in weights.own.items()},
        )

    @property
    def weights(self) -> Weights:
        """As arrays."""
        own = {mouse: np.array(each, dtype=np.float64) for mouse, each in self.own.items()}
        return Weights(np.array(self.shared, dtype=np.float64), own)


class FileEntry(BaseModel):
    """A file of the submission."""

    model_config = ConfigDict(frozen=True)

    name: str
    bytes: int
    sha256: str


class Manifest(BaseModel):
    """What manifest.json holds."""

    model_config = ConfigDict(frozen=True)

    source: str
    """Where the members come from, in words."""
    left_out: dict[str, int]
    """Runs that were no candidates, by reason."""
    rule: str
    """How members and weights were chosen, in words."""
    members: list[MemberEntry]
    """The chosen ones, then the added ones."""
    added: int
    """Members that were not chosen by a score."""
    weights: WeightsEntry
    selection: Selection
    evaluation: tuple[TierScores, ...]
    """In the server's units."""
    evaluation_raw: tuple[TierScores, ...]
    """In raw units."""
    floor: str | None
    """The folder of the linear model's run."""
    data: str
    data_fingerprint: str
    mice: list[str]
    """The scored ones, in the order of the files' rows."""
    options: dict[str, Any]
    files: list[FileEntry]
    commit: str = Field(default_factory=code_version)
    packages: dict[str, str] = Field(
        default_factory=lambda: package_versions() | {"pyarrow": pa.__version__}
    )
    created: str = Field(
        default_factory=lambda: datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    )

    @classmethod
    def of(cls, ensemble: Ensemble, mice: Sequence[str], **rest: Any) -> "Manifest":
        """Of an ensemble as it is on disk now, for these scored mice; `rest` are the other fields."""
        return cls(
            source=ensemble.source,
            left_out=ensemble.left_out,
            rule=ensemble.rule,
            members=member_entries(ensemble, mice),
            added=ensemble.added,
            weights=WeightsEntry.of(ensemble.weights),
            selection=ensemble.selection,
            floor=None if ensemble.floor is None else str(ensemble.floor.path),
            mice=list(mice),
            **rest,
        )

    def write(self, folder: Path) -> Path:
        """Write it to `folder`, atomically."""
        write_json(folder / NAME, self.model_dump(mode="json"))
        return folder / NAME

    @classmethod
    def read(cls, path: Path) -> "Manifest":
        """A manifest, or the one in a folder; a UserError where there is none or it is not readable."""
        path = path / NAME if path.is_dir() else path
        try:
            return cls.model_validate_json(path.read_text())
        except (FileNotFoundError, NotADirectoryError) as error:
            remedy = "Write a submission with 'python -m ensemble build'."
            raise UserError(f"{path} is missing", remedy) from error
        except (ValidationError, UnicodeDecodeError) as error:
            told = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
            message = f"{path} is not a manifest: {told}"
            raise UserError(message, "Build the submission again.") from error

    def check_recordings(self, sessions: Sequence[Session]) -> None:
        """Raise UserError unless these are the recordings that it was made for."""
        found = fingerprint(sessions)
        if found != self.data_fingerprint:
            message = f"the manifest is of recordings {self.data_fingerprint}; found {found}"
            raise UserError(message, f"Give those that it was made for: {self.data}.")

    def ensemble(self) -> Ensemble:
        """The ensemble that it tells of, from the run folders as they are on disk.

        Raises ProblemsFound with each run whose weights are missing or others than they were.
        """
        problems = [p for member in self.members for run in member.runs for p in _changed(run)]
        if problems:
            remedy = "Give back these runs as they were, or build an ensemble anew."
            raise ProblemsFound("the members of the manifest", problems, remedy)
        return Ensemble(
            tuple(_member(entry) for entry in self.members),
            self.weights.weights,
            self.selection,
            self.source,
            self.left_out,
            None if self.floor is None else RunFolder(Path(self.floor)),
            self.added,
        )


def member_entries(ensemble: Ensemble, mice: Iterable[str]) -> list[MemberEntry]:
    """The members as they are on disk now."""
    means = mean_weights(ensemble.weights, list(mice))
    return [
        MemberEntry(
            label=member.label,
            runs=[
                RunEntry(folder=str(r.path), weights_sha256=sha256(r.weights)) for r in member.runs
            ],
            config_hash=config_hash(member.record.config),
            held_out_score=None if math.isnan(member.score) else member.score,
            confirmed=member.confirmed,
            weight=float(weight),
        )
        for member, weight in zip(ensemble.members, means, strict=True)
    ]


def file_entries(paths: Iterable[Path]) -> list[FileEntry]:
    """Files as they are on disk now."""
    return [
        FileEntry(name=path.name, bytes=path.stat().st_size, sha256=sha256(path)) for path in paths
    ]


def config_hash(config: RunConfig) -> str:
    """Twelve hexadecimal digits that are the same for the same configuration."""
    content = json.dumps(config.model_dump(mode="json"), sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:12]


def _changed(entry: RunEntry) -> list[Problem]:
    run = RunFolder(Path(entry.folder))
    bring_weights([run])
    weights = run.weights
    if not weights.is_file():
        return [Problem(entry.folder, "its weights are there", "no weights.pt")]
    found = sha256(weights)
    if found == entry.weights_sha256:
        return []
    rule = f"its weights have the sha256 {entry.weights_sha256[:12]}..."
    return [Problem(entry.folder, rule, f"{found[:12]}...")]


def _member(entry: MemberEntry) -> Member:
    runs = tuple(RunFolder(Path(run.folder)) for run in entry.runs)
    records = [run.record() for run in runs]
    score = math.nan if entry.held_out_score is None else entry.held_out_score
    folds = tuple(record.config.data.fold for record in records)
    return Member(entry.label, runs, records[0], score, folds, entry.confirmed)
