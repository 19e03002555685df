"""What one model can learn from an ensemble: its manifest, as far as teachers and scores go."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from rich.table import Table

from models.bringing import SMALL, bring
from models.config import RunConfig
from models.console import table
from models.errors import UserError
from models.evaluation import TierScore
from models.files import write_json
from models.runs import RunFolder, RunRecord

NAME = "manifest.json"
FILE = "distilled.json"
"""In a distilled run's folder: what it lost."""


class _Run(BaseModel):
    folder: Path


class _Member(BaseModel):
    label: str
    runs: list[_Run]
    weight: float


class _Tier(BaseModel):
    tier: str
    ensemble: float


class Manifest(BaseModel):
    """What is read of an ensemble's manifest.json, which `python -m ensemble build` writes."""

    members: list[_Member]
    evaluation: list[_Tier]
    """In the server's units."""
    evaluation_raw: list[_Tier]
    mice: list[str]
    options: dict[str, Any]

    @classmethod
    def read(cls, path: Path) -> "Manifest":
        """A manifest, or the one in a folder; a UserError where there is none or it is another's."""
        path = path / NAME if path.is_dir() else path
        try:
            return cls.model_validate_json(path.read_text())
        except OSError as error:
            message = f"cannot read {path}: {error.strerror or error}"
            raise UserError(message, "Write one with 'python -m ensemble build'.") from error
        except (ValidationError, UnicodeDecodeError) as error:
            message = f"{path} is no manifest of an ensemble of this version"
            raise UserError(message, "Build the ensemble again.") from error


@dataclass(frozen=True)
class Lesson:
    """What a student takes from an ensemble."""

    config: RunConfig
    """Of the best member: the student's, where nothing else is asked for."""
    fold: int
    """That the student holds out."""
    teachers: tuple[Path, ...]
    shares: tuple[float, ...]
    """Of each teacher; they add up to 1."""
    silent: tuple[str, ...]
    """Members without a run that held the fold out: they would tell of held-out trials."""


def lesson(manifest: Manifest, fold: int | None) -> Lesson:
    """The members' runs that held out a fold, by default the best member's first one.

    A member's weight, the mean over mice and neurons, is shared by its runs. Raises RunError for
    folders that hold no run, UserError where nobody held the fold out.
    """
    held = {
        member.label: [(run.folder, _record(run.folder)) for run in member.runs]
        for member in manifest.members
    }
    best = held[manifest.members[0].label][0][1].config
    chosen = best.data.fold if fold is None else fold
    parts = {
        label: [path for path, r in runs if r.imported is None and r.config.data.fold == chosen]
        for label, runs in held.items()
    }
    pairs = [
        (path, member.weight / len(parts[member.label]))
        for member in manifest.members
        for path in parts[member.label]
        if member.weight > 0
    ]
    if not pairs:
        raise UserError(f"no member held out fold {chosen}", "Choose one that a member held out.")
    whole = sum(share for _, share in pairs)
    return Lesson(
        best,
        chosen,
        tuple(path for path, _ in pairs),
        tuple(share / whole for _, share in pairs),
        tuple(label for label, runs in parts.items() if not runs),
    )


def _record(folder: Path) -> RunRecord:
    run = RunFolder(folder)
    bring(run, SMALL)
    return run.record()


@dataclass(frozen=True)
class Loss:
    """A tier's scores of ensemble and student."""

    tier: str
    normalised: bool
    """Whether in the server's units."""
    ensemble: float
    student: float

    @property
    def lost(self) -> float:
        """How far the student is below the ensemble."""
        return self.ensemble - self.student


def losses(manifest: Manifest, raw: Sequence[TierScore], server: Sequence[TierScore]) -> list[Loss]:
    """By tier and unit, what the student lost; only tiers that the ensemble was scored on."""
    found = []
    for normalised, theirs, own in (
        (False, manifest.evaluation_raw, raw),
        (True, manifest.evaluation, server),
    ):
        scores = {row.tier: row.score for row in own if not row.kind and not row.trained_on}
        found += [
            Loss(each.tier, normalised, each.ensemble, scores[each.tier])
            for each in theirs
            if each.tier in scores
        ]
    return found


def losses_table(found: Sequence[Loss]) -> Table:
    """A line a tier and unit."""
    title = "Single-trial correlation of the ensemble and of the student, which held out one fold"
    made = table(title, "tier", "units", "ensemble", "student", "lost", left=2)
    for each in found:
        units = "server's" if each.normalised else "raw"
        numbers = (f"{each.ensemble:.4f}", f"{each.student:.4f}", f"{each.lost:+.4f}")
        made.add_row(each.tier, units, *numbers)
    return made


def write_losses(run: Path, found: Sequence[Loss]) -> None:
    """Write them to the student's folder."""
    rows = [{**vars(each), "lost": each.lost} for each in found]
    write_json(run / FILE, rows)
