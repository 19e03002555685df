"""The trials that all members held out: predictions, responses, and the moments of both."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ensemble.blocks import merged
from ensemble.members import Member
from ensemble.moments import Moments, Trial
from ensemble.stores import bring_predictions
from models import predictions
from models.errors import Problem, ProblemsFound, RecordingError, UserError
from models.metrics import Array, scored_count
from models.recordings.films import film_groups
from models.recordings.session import Session


def held_out_moments(members: Sequence[Member], sessions: Sequence[Session]) -> dict[str, Moments]:
    """By mouse, the moments of all members on the trials that each of them held out, in raw units.

    Blocks are groups of trials that show the same film. Memory: the moments, and one trial's predictions
    of all members. Raises ProblemsFound where no fold was held out by all members, UserError where they
    held out different trials of it, RunError for predictions that are missing.
    """
    folds = common_folds(members)
    readers = {s.name: [MemberReader.of(m, s.name, folds) for m in members] for s in sessions}
    trials = {mouse: _same_trials(each, members) for mouse, each in readers.items()}
    blocks = _blocks(sessions, trials)
    return {
        session.name: Moments.collect(
            _trials(session, trials[session.name], readers[session.name], blocks)
        )
        for session in sessions
    }


def common_folds(members: Sequence[Member]) -> frozenset[int]:
    """The folds that every member held out.

    ProblemsFound with each member whose recordings are dealt otherwise, or has no fold in common with
    the others.
    """
    _check_dealt(members)
    common = frozenset.intersection(*(member.folds for member in members))
    if not common:
        rule = "all members hold out some fold together"
        problems = [Problem(f"run {m.label}", rule, _folds(m)) for m in members]
        remedy = "Average runs of the same data.fold, or confirm them with --folds all."
        raise ProblemsFound("the held-out trials", problems, remedy)
    return common


def _check_dealt(members: Sequence[Member]) -> None:
    wanted = _dealt(members[0])
    rule = f"every member's trials are dealt as those of run {members[0].label}: {wanted}"
    found = [(member.label, _dealt(member)) for member in members]
    problems = [Problem(f"run {label}", rule, told) for label, told in found if told != wanted]
    if problems:
        remedy = "Average runs with the same data.tiers and data.folds only."
        raise ProblemsFound("the held-out trials", problems, remedy)


def _dealt(member: Member) -> str:
    data = member.record.config.data
    return f"{data.folds} folds of {' and '.join(sorted(data.tiers))}"


def _folds(member: Member) -> str:
    return f"it holds out {', '.join(map(str, sorted(member.folds)))}"


@dataclass(frozen=True)
class MemberReader:
    """A member's predictions of one mouse's held-out trials."""

    runs: Mapping[int, tuple[Mapping[int, Array], ...]]
    """By trial, the predictions of each run that held it out."""

    @classmethod
    def of(cls, member: Member, mouse: str, folds: frozenset[int]) -> "MemberReader":
        """Of the runs that held out one of these folds. Raises RunError for what is missing."""
        found: dict[int, list[Mapping[int, Array]]] = {}
        for run, fold in zip(member.runs, member.held_out, strict=True):
            if fold in folds:
                bring_predictions(run, mouse)
                read = predictions.Opened(run.path, mouse)
                for trial in read:
                    found.setdefault(trial, []).append(read)
        return cls({trial: tuple(each) for trial, each in sorted(found.items())})

    def predict(self, trial: int) -> Array:
        """(N, T) the mean over the runs that held it out."""
        each = [read[trial] for read in self.runs[trial]]
        return each[0] if len(each) == 1 else np.mean(each, axis=0, dtype=np.float32)


def _same_trials(readers: Sequence[MemberReader], members: Sequence[Member]) -> list[int]:
    wanted = readers[0].runs.keys()
    for reader, member in zip(readers, members, strict=True):
        if reader.runs.keys() != wanted:
            message = (
                f"members predicted the same held-out trials; run {member.label} has "
                f"{len(reader.runs)} of them, run {members[0].label} {len(wanted)}, not the same"
            )
            raise UserError(message, "The runs saw different recordings; train them again.")
    return list(wanted)


def _blocks(
    sessions: Sequence[Session], trials: Mapping[str, Sequence[int]]
) -> dict[tuple[str, int], str]:
    """The block of each of the trials."""
    group_of = film_groups(sessions)
    frames: dict[str, dict[str, int]] = {}
    for session in sessions:
        counts = frames.setdefault(session.name, {})
        for trial in trials[session.name]:
            group, scored = group_of[session.name, trial], scored_count(session.length(trial))
            counts[group] = counts.get(group, 0) + scored
    block_of = merged(frames)
    return {
        (mouse, trial): block_of[group_of[mouse, trial]]
        for mouse, each in trials.items()
        for trial in each
    }


def _trials(
    session: Session,
    trials: Sequence[int],
    readers: Sequence[MemberReader],
    blocks: Mapping[tuple[str, int], str],
) -> Iterator[Trial]:
    for trial in trials:
        block, response = blocks[session.name, trial], _recorded(session, trial)
        # Unnamed, so that they are gone before the next ones are read.
        yield block, [reader.predict(trial) for reader in readers], response


def _recorded(session: Session, trial: int) -> Array:
    responses = session.responses(trial)
    if responses is None:
        message = (
            f"{session.path} has no responses to trial {trial}, but runs were validated on them"
        )
        raise RecordingError(message, "Give the recordings that the runs were trained on.")
    return responses
