"""Which runs may take part: those that trained their full budget and have a score, the best first."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from models.errors import Problem, ProblemsFound, RunError, UserError
from models.recordings.session import Session, fingerprint
from models.runs import FLOOR_RUN, RunFolder, RunRecord, Status, runs_of_search, search_folder

IMPORTED = "imported, which only --with adds"
STRIPPED = "without weights, which a search removes of all but its best runs (--keep)"


@dataclass(frozen=True)
class Member:
    """A run that may take part."""

    run: RunFolder
    record: RunRecord
    score: float
    """On the held-out fold, as the run reported it; NaN where that is not known."""

    @property
    def label(self) -> str:
        """What tables call it: its number in the search, or its folder's name."""
        return self.run.path.name


@dataclass(frozen=True)
class Candidates:
    """The runs that an ensemble is chosen from."""

    source: str
    """Where they come from, in words."""
    members: tuple[Member, ...]
    """The best first; equal scores in the order in which the runs were given."""
    left_out: dict[str, int]
    """How many runs are no members, by reason."""
    floor: RunFolder | None = None
    """The complete run of the linear model, where the search has one."""
    added: tuple[Member, ...] = ()
    """Imported runs, which take part beside those that are chosen."""

    def __str__(self) -> str:
        added = f"{_runs(len(self.added))} imported"
        if not self.members:
            return f"{self.source}: {added}"
        told = [f"{count} {reason}" for reason, count in self.left_out.items()]
        rest = f"; left out: {', '.join(told)}" if told else ""
        more = f"; with {added}" if self.added else ""
        return f"{self.source}: {_runs(len(self.members))} trained to full budget{rest}{more}"


def members_of_search(home: Path, name: str) -> Candidates:
    """The members among a search's runs.

    Raises RunError for an unknown name, UserError for a search without any member.
    """
    folder = search_folder(home, name)
    readable, unreadable = _readable(runs_of_search(folder))
    floor = RunFolder(folder / FLOOR_RUN)
    usable_floor = (
        floor if floor.exists and _reason(floor.status(), floor.record()) is None else None
    )
    candidates = _candidates(f"search '{name}'", readable, unreadable, usable_floor)
    remedy = f"See 'python -m search status {name}'; let trials train their full budget first."
    return _with_members(candidates, remedy)


def members_of_runs(folders: Sequence[Path]) -> Candidates:
    """The members among these run folders, each counted once.

    Raises RunError for a folder that holds no run, UserError where none of them is a member.
    """
    runs = [RunFolder(path) for path in dict.fromkeys(path.resolve() for path in folders)]
    records = [(run, run.record()) for run in runs]
    candidates = _candidates(f"{len(runs)} given run folder(s)", records, 0, None)
    return _with_members(candidates, "Give the folders of runs that trained their full budget.")


def with_imported(candidates: Candidates | None, folders: Sequence[Path]) -> Candidates:
    """Add imported runs to the candidates, or take them alone.

    Which trials they held out is not known, so nothing can be told of them that chooses them. Raises
    ProblemsFound with each run that was not imported, RunError for a folder that holds no run.
    """
    runs = [RunFolder(path) for path in dict.fromkeys(path.resolve() for path in folders)]
    records = [(run, run.record()) for run in runs]
    problems = [
        Problem(str(run.path), "was imported, and that is complete", _origin(record))
        for run, record in records
        if record.imported is None or run.status() is None
    ]
    if problems:
        remedy = "Give runs that were trained here with --run, which chooses among them."
        raise ProblemsFound("the runs to add", problems, remedy)
    added = tuple(Member(run, record, math.nan) for run, record in records)
    return replace(candidates or Candidates("imported runs alone", (), {}), added=added)


def check_members(members: Iterable[Member], sessions: Sequence[Session]) -> None:
    """ProblemsFound with each member that was trained on other recordings than these."""
    here = fingerprint(sessions)
    problems = [p for member in members for p in _problems(member, sessions, here)]
    if problems:
        remedy = "Give the recordings that the runs were trained on, or train on these."
        raise ProblemsFound("the runs and the recordings", problems, remedy)


def _problems(member: Member, sessions: Sequence[Session], here: str) -> list[Problem]:
    where = f"run {member.label}"
    trained = {mouse.name: mouse.unit_ids for mouse in member.record.mice}
    given = {session.name: session for session in sessions}
    if trained.keys() != given.keys():
        told = f"{', '.join(trained)} instead of {', '.join(given)}"
        return [Problem(where, "its mice are those of the recordings", told)]
    other = [n for n, session in given.items() if session.unit_ids.tolist() != trained[n]]
    if other:
        rule = "its neurons are those of the recordings, in the same order"
        return [Problem(where, rule, f"others in {', '.join(other)}")]
    if member.record.fingerprint != here:
        rule = f"it was trained on recordings of the fingerprint {here}"
        told = f"{member.record.fingerprint}, of {member.record.data}"
        return [Problem(where, rule, told)]
    return []


def _readable(runs: Iterable[RunFolder]) -> tuple[list[tuple[RunFolder, RunRecord]], int]:
    """Runs with their records, and how many have none that can be read."""
    found, unreadable = [], 0
    for run in runs:
        try:
            found.append((run, run.record()))
        except UserError:  # also a configuration that this version refuses
            unreadable += 1
    return found, unreadable


def _candidates(
    source: str,
    runs: Iterable[tuple[RunFolder, RunRecord]],
    unreadable: int,
    floor: RunFolder | None,
) -> Candidates:
    members, left_out = [], Counter({"not readable": unreadable})
    for run, record in runs:
        status = _status(run)
        reason = _reason(status, record) or (None if run.weights.exists() else STRIPPED)
        if reason is None and status is not None and status.score is not None:
            members.append(Member(run, record, status.score))
        elif reason is not None:
            left_out[reason] += 1
    members.sort(key=lambda member: -member.score)
    return Candidates(source, tuple(members), dict(+left_out), floor)


def _status(run: RunFolder) -> Status | None:
    try:
        return run.status()
    except RunError:
        return None


def _reason(status: Status | None, record: RunRecord) -> str | None:
    """Why a run with this status is no member; None where it is one."""
    if record.imported is not None:
        return IMPORTED
    if status is None:
        return "not ended"
    if status.state == "pruned":
        return "stopped early"
    if status.state == "failed":
        return "failed"
    if status.epoch != status.epochs and record.config.training.early_stop is None:
        return "complete, but short of the full budget"
    if status.score is None or not math.isfinite(status.score):
        return "without a score"
    return None


def _with_members(candidates: Candidates, remedy: str) -> Candidates:
    if candidates.members:
        return candidates
    told = [f"{count} {reason}" for reason, count in candidates.left_out.items()]
    message = f"{candidates.source}: no run is complete; found {', '.join(told) or 'no run at all'}"
    raise UserError(message, remedy)


def _origin(record: RunRecord) -> str:
    return "a run that was trained here" if record.imported is None else "no status.json"


def _runs(count: int) -> str:
    return f"{count} run{'' if count == 1 else 's'}"
