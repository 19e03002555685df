"""The held-out trials of a search: what each member predicted for them, and what was recorded."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from ensemble.members import Member
from ensemble.selection import PrefixScores, Selection
from models import predictions
from models.errors import Problem, ProblemsFound, RecordingError, UserError
from models.recordings.session import Session

Array = npt.NDArray[np.float32]


def select_prefix(members: Sequence[Member], sessions: Sequence[Session]) -> Selection:
    """Score every prefix of the ranked `members` on their common held-out trials; choose the best.

    Memory: one mouse's held-out responses and predictions of one member, and a running sum. Raises
    UserError where members held out different trials, RunError for predictions that are missing.
    """
    if not members:
        return Selection((), 0)
    check_same_trials(members)
    scores = PrefixScores(len(members))
    for session in sessions:
        trials = list(predictions.read(members[0].run.path, session.name))
        responses = {trial: _recorded(session, trial) for trial in trials}
        scores.add(session.name, _each(members, session.name, set(trials)), responses)
    return scores.select([member.label for member in members])


def check_same_trials(members: Sequence[Member]) -> None:
    """ProblemsFound with each member that held out other trials than the first one."""
    if not members:
        return
    wanted = _held_out(members[0])
    rule = f"every member holds out what run {members[0].label} does: {wanted}"
    found = [(member.label, _held_out(member)) for member in members]
    problems = [Problem(f"run {label}", rule, told) for label, told in found if told != wanted]
    if problems:
        remedy = "Average runs with the same data.tiers, data.folds and data.fold only."
        raise ProblemsFound("the held-out trials", problems, remedy)


def _held_out(member: Member) -> str:
    data = member.record.config.data
    return f"fold {data.fold} of {data.folds} of {' and '.join(sorted(data.tiers))}"


def _each(members: Sequence[Member], mouse: str, trials: set[int]) -> Iterator[dict[int, Array]]:
    """Each member's predictions of a mouse, read when they are asked for."""
    for member in members:
        read = predictions.read(member.run.path, mouse)
        if set(read) != trials:
            message = (
                f"members predicted the same held-out trials; run {member.label} has "
                f"{len(read)} of {mouse}, run {members[0].label} has {len(trials)}, not the same"
            )
            raise UserError(message, "The runs saw different recordings; train them again.")
        yield read


def _recorded(session: Session, trial: int) -> Array:
    responses = session.responses(trial)
    if responses is None:
        message = (
            f"{session.path} has no responses to trial {trial}, but runs were validated on them"
        )
        raise RecordingError(message, "Give the recordings that the runs were trained on.")
    return responses
