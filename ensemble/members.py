"""Who takes part in an ensemble: a configuration, with its complete runs of other folds and seeds.

A run of a search is a member of one run. A configuration that was confirmed is a member of a run a fold
and seed: what it says of a held-out trial is the mean of the runs that never saw it, what it says of a
test trial the mean of all.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ensemble.stores import tell_pinned
from models.errors import Problem, ProblemsFound
from models.recordings.session import Session, fingerprint
from models.runs import RunFolder, RunRecord


@dataclass(frozen=True)
class Member:
    """A configuration that may take part."""

    label: str
    """What tables call it: a trial's number, a run folder's name."""
    runs: tuple[RunFolder, ...]
    record: RunRecord
    """Of the first run."""
    score: float
    """The mean of its runs' on the folds that they held out; NaN where that is not known."""
    held_out: tuple[int, ...] = ()
    """The fold that each run held out; empty where that is not known."""
    confirmed: bool = False
    """Whether it was trained again, with other seeds, after a search had chosen it."""

    @property
    def run(self) -> RunFolder:
        """The first one."""
        return self.runs[0]

    @property
    def folds(self) -> frozenset[int]:
        """That are held out by its runs."""
        return frozenset(self.held_out)


@dataclass(frozen=True)
class Candidates:
    """What an ensemble is chosen from."""

    source: str
    """Where they come from, in words."""
    members: tuple[Member, ...]
    """The best first; equal scores in the order in which they were found."""
    left_out: dict[str, int]
    """How many runs are no members, by reason."""
    floor: RunFolder | None = None
    """The complete run of the linear model, where the search has one."""
    added: tuple[Member, ...] = ()
    """Imported runs, which take part beside those that are chosen."""

    def __str__(self) -> str:
        added = f"{_count(len(self.added), 'run')} imported"
        if not self.members:
            return f"{self.source}: {added}"
        told = [f"{count} {reason}" for reason, count in self.left_out.items()]
        rest = f"; left out: {', '.join(told)}" if told else ""
        more = f"; with {added}" if self.added else ""
        return f"{self.source}: {self._kinds}{rest}{more}"

    @property
    def _kinds(self) -> str:
        confirmed = sum(member.confirmed for member in self.members)
        unconfirmed = len(self.members) - confirmed
        kinds = [f"{_count(confirmed, 'configuration')} confirmed"] if confirmed else []
        if unconfirmed:
            kinds.append(f"{_count(unconfirmed, 'run')} trained to full budget, not confirmed")
        return " and ".join(kinds)


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


def pin(members: Iterable[Member], out: Path) -> list[str]:
    """Keep the weights of all runs, whatever a search that goes on would remove.

    Returns what kept the stores of searches from being told, a sentence a run.
    """
    refused = []
    for run in (run for member in members for run in member.runs):
        run.pin(f"a member of the ensemble in {out.resolve()}")
        refused.append(tell_pinned(run))
    return [each for each in refused if each]


def _count(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
