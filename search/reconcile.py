"""What an earlier driver left: study, run folders and records are brought to one state, trial by trial.

in the study    in the run folder      then
ended           anything               as the study says
RUNNING         complete or failed     settled so: the driver was killed before it told
RUNNING         no status, weak        stopped early: the driver was killed before it told
RUNNING         no status              goes on from its checkpoint
"""

from optuna.trial import FrozenTrial, TrialState

from search.attributes import ATTRIBUTE_FLAT, ATTRIBUTE_WEAK
from search.recorder import Recorder
from search.scoreboard import Row
from search.space import build
from search.tables import row_of


def reconcile(recorder: Recorder) -> None:
    """Fill the scoreboard from the study, settle what has ended, and queue what has not."""
    proposer, board = recorder.proposer, recorder.board
    for trial in proposer.study.get_trials(deepcopy=False):
        if trial.state == TrialState.RUNNING:
            row = _reopened(recorder, trial)
            board.rows |= {} if row is None else {row.number: row}
        elif ATTRIBUTE_FLAT in trial.user_attrs:
            board.rows[trial.number] = row_of(trial)
    for row in [row for row in board.rows.values() if row.state == "interrupted"]:
        _settle_or_queue(recorder, row)


def _reopened(recorder: Recorder, trial: FrozenTrial) -> Row | None:
    flat = recorder.proposer.reopen(trial)
    if flat is None:
        return None
    row = Row(trial.number, flat, build(flat).training.epochs, state="interrupted")
    row.costs = recorder.proposer.costs(trial.number)
    if trial.intermediate_values:
        row.epoch, row.score = max(trial.intermediate_values.items())
    return row


def _settle_or_queue(recorder: Recorder, row: Row) -> None:
    status = recorder.catch_up(row)
    weak = recorder.proposer.open[row.number].user_attrs.get(ATTRIBUTE_WEAK, False)
    if status is None and weak:
        status = row.status("pruned", f"among the weaker ones after epoch {row.epoch}")
    if status is None:
        recorder.proposer.interrupted.append(row.number)
    else:
        recorder.settle(row, status)
