"""Where a trial's end is decided once and told to everyone: run folder, Optuna, MLflow, progress."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models.errors import RunError
from models.runs import SCORE, TRAIN_LOSS, RunFolder, Status
from search.progress import Progress
from search.sampler import Proposer
from search.scoreboard import Row, Scoreboard
from search.space import Flat, build
from search.steps import FAILURE, FINISHED, TRACE
from search.stopping import EPOCH, has_score
from search.tracking import Tracker

INTERRUPTED = "the search was stopped"
METRICS = (SCORE, TRAIN_LOSS, "learning_rate", "seconds")


class Recorder:
    """Takes the events of trials, by number, in the order in which they happen on the driver."""

    def __init__(
        self, proposer: Proposer, tracker: Tracker, board: Scoreboard, progress: Progress
    ) -> None:
        self.proposer, self.tracker, self.board = proposer, tracker, board
        self.progress = progress

    def start(self, number: int, flat: Flat) -> None:
        """Open a row and an MLflow run; a trial that starts again after a lost worker has them."""
        if number in self.board.rows:
            return
        config = build(flat)
        self.board.rows[number] = Row(number, flat, config.training.epochs)
        self.tracker.start(str(number), "trial", config, self._folder(number))

    def epoch(self, number: int, result: Mapping[str, Any]) -> None:
        """Store an epoch's metrics, once."""
        row = self.board.rows[number]
        if FAILURE in result or not has_score(result) or result[EPOCH] <= row.epoch:
            return
        row.epoch, row.score = int(result[EPOCH]), float(result[SCORE])
        self.proposer.report(number, row.epoch, row.score)
        line = {name: result[name] for name in METRICS if name in result}
        self.tracker.log(str(number), {EPOCH: row.epoch, **line})

    def end(self, number: int, result: Mapping[str, Any]) -> None:
        """Settle a trial, whose last report was `result`."""
        row = self.board.rows[number]
        status = status_of(row, result)
        if status.state == "complete":  # with the score of the epoch that the run kept
            status = RunFolder(self._folder(number)).status() or status
        self._settle(row, status, trace=str(result.get(TRACE, "")))

    def lose(self, number: int, flat: Flat, reason: str) -> None:
        """Settle a trial whose worker was lost once too often, perhaps before it began."""
        self.start(number, flat)
        row = self.board.rows[number]
        self._settle(row, row.status("failed", f"the worker was lost: {reason}"))

    def interrupt(self) -> None:
        """Settle what is still open when the search ends before its trials."""
        for row in self.board.rows.values():
            if row.state == "running":
                self._settle(row, self._interrupted(row), killed=True)
        for number in list(self.proposer.open):
            reason = f"{INTERRUPTED} before this trial began"
            self.proposer.tell(number, Status(state="failed", epoch=0, epochs=0, reason=reason))

    def _interrupted(self, row: Row) -> Status:
        """What is on disk counts, reported or not: epochs, and that the run is complete."""
        folder = RunFolder(self._folder(row.number))
        try:
            status, lines = folder.status(), folder.metrics()
        except (RunError, ValueError):
            status, lines = None, []
        for line in lines:
            self.epoch(row.number, line)
        return status or row.status("failed", INTERRUPTED)

    def _settle(self, row: Row, status: Status, trace: str = "", killed: bool = False) -> None:
        folder = self._folder(row.number)
        if status.state != "complete":  # the run itself has written that it is complete
            RunFolder(folder).end(status)
        row.end(status)
        self.proposer.tell(row.number, status)
        killed = killed and status.state != "complete"
        self.tracker.end(str(row.number), status, folder, killed, trace)
        self.progress.tell_end(row)

    def _folder(self, number: int) -> Path:
        return self.proposer.runs / str(number)


def status_of(row: Row, result: Mapping[str, Any]) -> Status:
    """How a trial ended, from its last report: failed, complete, or else stopped early."""
    if FAILURE in result:
        return row.status("failed", str(result[FAILURE]))
    if result.get(FINISHED):
        return row.status("complete")
    return row.status("pruned", f"among the weaker ones after epoch {row.epoch}")
