"""Where members come from: searches, what was confirmed of them, run folders, imported checkpoints."""

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from ensemble.members import Candidates, Member
from ensemble.stores import Holdings
from models.errors import Problem, ProblemsFound, RunError, UserError
from models.runs import (
    FLOOR_RUN,
    RunFolder,
    RunRecord,
    Status,
    confirmed_runs,
    runs_of_search,
    search_folder,
)

IMPORTED = "imported, which only --with adds"
STRIPPED = "without weights, which a search removes of all but its best runs (--keep)"
UNCONFIRMED = "not confirmed, which only --unconfirmed adds"
HALF_CONFIRMED = "confirmed on some of the folds only"

Complete = tuple[RunFolder, RunRecord, float]
"""A run that trained its full budget, with its score."""


@dataclass
class _Found:
    """Members of one source, and how many runs are none."""

    members: list[Member] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    held: Holdings = field(default_factory=Holdings)


def members_of_searches(home: Path, names: Sequence[str], unconfirmed: bool = False) -> Candidates:
    """The members among the trials of searches, as `members_of_trials`.

    Raises RunError for an unknown name, UserError where there is no member.
    """
    names = list(dict.fromkeys(names))
    quoted = " and ".join(f"'{name}'" for name in names)
    source = f"search{'es' if len(names) > 1 else ''} {quoted}"
    folders = {search_folder(home, name): None for name in names}
    return members_of_trials(folders, source, unconfirmed)


def members_of_trials(
    searches: Mapping[Path, Collection[int] | None], source: str, unconfirmed: bool = False
) -> Candidates:
    """The members among the trials with these numbers, or all, of searches by their folders.

    Those that were confirmed, and with `unconfirmed` all other complete ones. `source` says in words
    where they come from. Raises UserError where there is no member.
    """
    found = _Found()
    for folder, numbers in searches.items():
        prefix = f"{folder.name}/" if len(searches) > 1 else ""
        _add_search(found, folder, numbers, prefix, unconfirmed)
    floors = (floor for folder in searches if (floor := _floor(folder, found.held)) is not None)
    candidates = _ranked(source, found, next(floors, None))
    name = next((folder.name for folder in searches), "NAME")
    waiting = found.left_out[UNCONFIRMED]
    if not candidates.members and waiting:
        runs = f"{waiting} complete run{'' if waiting == 1 else 's'}"
        message = (
            f"no configuration of {source} is confirmed: for its {runs} only those scores speak by "
            "which they were found"
        )
        remedy = f"Run 'python -m search confirm {name}', or take them as they are: --unconfirmed."
        raise UserError(message, remedy)
    remedy = f"See 'python -m search status {name}'; let trials train their full budget first."
    return _with_members(candidates, remedy)


def members_of_runs(folders: Sequence[Path], source: str = "") -> Candidates:
    """The members among these run folders, each counted once; those of one configuration stay apart.

    Raises RunError for a folder that holds no run, UserError where none of them is a member.
    """
    runs = [RunFolder(path) for path in dict.fromkeys(path.resolve() for path in folders)]
    found, labels = _Found(), _labels([run.path for run in runs])
    for run, label in zip(runs, labels, strict=True):
        _add_run(found, run, run.record(), label)
    candidates = _ranked(source or f"{len(runs)} given run folder(s)", found, None)
    return _with_members(candidates, "Give the folders of runs that trained their full budget.")


def joined(first: Candidates, second: Candidates) -> Candidates:
    """The candidates of both; a run that is in both counts once."""
    known = {run.path.resolve() for member in first.members for run in member.runs}
    more = [m for m in second.members if m.run.path.resolve() not in known]
    members = sorted(distinct([*first.members, *more]), key=lambda member: -member.score)
    left_out = dict(Counter(first.left_out) + Counter(second.left_out))
    source = f"{first.source} and {second.source}"
    return Candidates(source, tuple(members), left_out, first.floor or second.floor, first.added)


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
    labels = _labels([run.path for run in runs])
    added = tuple(
        Member(label, (run,), record, math.nan)
        for label, (run, record) in zip(labels, records, strict=True)
    )
    found = candidates or Candidates("imported runs alone", (), {})
    named = distinct([*found.members, *added])
    return replace(found, added=tuple(named[len(found.members) :]))


def distinct(members: Sequence[Member]) -> list[Member]:
    """The members, each with a label of its own: who is called as an earlier one is called by its path.

    By labels tables tell members apart, and an ensemble finds who was chosen.
    """
    taken: set[str] = set()
    found = []
    for member in members:
        free = member.label not in taken
        found.append(member if free else replace(member, label=str(member.run.path)))
        taken.add(found[-1].label)
    return found


def _add_search(
    found: _Found,
    folder: Path,
    numbers: Collection[int] | None,
    prefix: str,
    unconfirmed: bool,
) -> None:
    confirmed = _add_confirmed(found, folder, numbers, prefix)
    for run in runs_of_search(folder):
        number = int(run.path.name)
        if number in confirmed or (numbers is not None and number not in numbers):
            continue
        try:
            record = run.record()
        except UserError:  # also a configuration that this version refuses
            found.left_out["not readable"] += 1
            continue
        if unconfirmed or _reason(run, record, found.held) is not None:
            _add_run(found, run, record, f"{prefix}{number}")
        else:
            found.left_out[UNCONFIRMED] += 1


def _add_confirmed(
    found: _Found, folder: Path, numbers: Collection[int] | None, prefix: str
) -> set[int]:
    """Add what was confirmed in as many blocks as any other; the trials that were begun."""
    complete = {
        number: [each for run in runs if (each := _complete(run, found.held)) is not None]
        for number, runs in confirmed_runs(folder).items()
    }
    blocks = max(map(len, complete.values()), default=0)
    whole = {number for number, runs in complete.items() if blocks and len(runs) == blocks}
    for number in sorted(whole if numbers is None else whole & {*numbers}):
        found.members.append(_confirmed(complete[number], f"{prefix}{number}"))
    half = {*complete} - whole
    found.left_out[HALF_CONFIRMED] += len(half if numbers is None else half & {*numbers})
    return set(complete)


def _confirmed(runs: Sequence[Complete], label: str) -> Member:
    return Member(
        label,
        tuple(run for run, _, _ in runs),
        runs[0][1],
        float(np.mean([score for _, _, score in runs])),
        tuple(record.config.data.fold for _, record, _ in runs),
        confirmed=True,
    )


def _complete(run: RunFolder, held: Holdings) -> Complete | None:
    try:
        record = run.record()
    except UserError:
        return None
    status = _status(run)
    if _reason(run, record, held) is not None or status is None or status.score is None:
        return None
    return run, record, status.score


def _add_run(found: _Found, run: RunFolder, record: RunRecord, label: str) -> None:
    """Add a run as a member of its own, or count the reason why it is none."""
    reason, status = _reason(run, record, found.held), _status(run)
    if reason is not None:
        found.left_out[reason] += 1
    elif status is not None and status.score is not None:
        fold = record.config.data.fold
        found.members.append(Member(label, (run,), record, status.score, (fold,)))


def _ranked(source: str, found: _Found, floor: RunFolder | None) -> Candidates:
    members = sorted(distinct(found.members), key=lambda member: -member.score)
    return Candidates(source, tuple(members), dict(+found.left_out), floor)


def _floor(folder: Path, held: Holdings) -> RunFolder | None:
    floor = RunFolder(folder / FLOOR_RUN)
    return floor if floor.exists and _reason(floor, floor.record(), held) is None else None


def _status(run: RunFolder) -> Status | None:
    try:
        return run.status()
    except RunError:
        return None


def _reason(run: RunFolder, record: RunRecord, held: Holdings) -> str | None:
    """Why a run is no member; None where it is one."""
    status = _status(run)
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
    return None if held.has_weights(run) else STRIPPED


def _with_members(candidates: Candidates, remedy: str) -> Candidates:
    if candidates.members:
        return candidates
    told = [f"{count} {reason}" for reason, count in candidates.left_out.items()]
    message = f"{candidates.source}: no run is complete; found {', '.join(told) or 'no run at all'}"
    raise UserError(message, remedy)


def _labels(paths: Sequence[Path]) -> list[str]:
    """The names of folders, with those above them as far as two would else be called alike."""
    for depth in range(1, max((len(path.parts) for path in paths), default=1) + 1):
        names = ["/".join(path.parts[-depth:]) for path in paths]
        if len(set(names)) == len(names):
            return names
    return [str(path) for path in paths]


def _origin(record: RunRecord) -> str:
    return "a run that was trained here" if record.imported is None else "no status.json"
