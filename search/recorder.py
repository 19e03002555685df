"""Where a trial's end is decided once and told to everyone: run folder, Optuna, MLflow, progress."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from models.errors import RunError
from models.runs import SCORE, TRAIN_LOSS, RunFolder, Status
from search.fresh import end, refresh
from search.ledger import Ledger
from search.progress import Progress
from search.sampler import Proposer
from search.scoreboard import Row, Scoreboard
from search.space import Flat, build
from search.steps import FAILURE, FINISHED, LEAVING, PAUSED, TRACE
from search.stopping import EPOCH, has_score
from search.study_storage import one_transaction
from search.tracking import Tracker

METRICS = (SCORE, TRAIN_LOSS, "learning_rate", "seconds", "memory_gb")


class Recorder:
    """Takes the events of trials, by number, in the order in which they happen on the driver."""

    def __init__(
        self,
        proposer: Proposer,
        tracker: Tracker,
        board: Scoreboard,
        progress: Progress,
        ledger: Ledger,
        settled: Callable[[], None] = lambda: None,
    ) -> None:
        """`settled` is called after a trial has ended."""
        self.proposer, self.tracker, self.board = proposer, tracker, board
        self.progress, self.ledger, self.settled = progress, ledger, settled

    def start(self, number: int, flat: Flat, ray_trial: str = "") -> None:
        """A trial has a worker, or has one again after it was interrupted or its worker was lost."""
        self.ledger.begin(str(number))
        row = self.board.rows.get(number)
        if row is not None and row.state == "running":
            return
        if row is None:
            row = self.board.rows[number] = Row(number, flat, build(flat).training.epochs)
        row.state = "running"
        self._track(row, ray_trial)

    def epoch(self, number: int, result: Mapping[str, Any]) -> None:
        """Store an epoch's metrics, once at each place."""
        row = self.board.rows[number]
        if FAILURE in result or not has_score(result):
            return
        epoch, score = int(result[EPOCH]), float(result[SCORE])
        if epoch > row.epoch + 1:
            self._catch_up_to(row, epoch)
        if epoch > row.epoch:
            row.epoch, row.score = epoch, score
            seconds = result.get("seconds")
            self.proposer.report(number, epoch, score, seconds)
            row.costs = self.proposer.costs(number)
        line = {name: result[name] for name in METRICS if name in result}
        self.tracker.log(str(number), {EPOCH: epoch, **line})

    def _catch_up_to(self, row: Row, epoch: int) -> None:
        """Store the epochs before this one whose worker, or whose driver, was lost before the report."""
        for line in self._fresh(row.number).metrics():
            if row.epoch < line[EPOCH] < epoch:
                self.epoch(row.number, line)

    def is_weak(self, number: int, result: Mapping[str, Any]) -> bool:
        """Store an epoch, and say whether the trial is to stop after it."""
        with self.proposer.flag.writing(), one_transaction(self.proposer.study):
            self.epoch(number, result)
            return has_score(result) and self.proposer.is_weak(number)

    def end(self, number: int, result: Mapping[str, Any]) -> None:
        """Settle a trial, whose last report was `result`."""
        row = self.board.rows[number]
        if PAUSED in result:
            self.interrupt(row)
            if LEAVING in result:
                self._go_on_elsewhere(row)
            return
        status = status_of(row, result)
        if status.state == "complete":  # with the score of the epoch that the run kept
            status = self._fresh(number).status() or status
        self.settle(row, status, trace=str(result.get(TRACE, "")))

    def lose(self, number: int, flat: Flat, reason: str, for_good: bool) -> None:
        """A trial's worker was lost: once too often, or before Ray would have tried it again."""
        self.start(number, flat)
        row = self.board.rows[number]
        if for_good:
            ended = self.catch_up(row)  # it may have done all before it was lost
            self.settle(row, ended or row.status("failed", f"the worker was lost: {reason}"))
            return
        self.interrupt(row)
        self._go_on_elsewhere(row)

    def _go_on_elsewhere(self, row: Row) -> None:
        """An interrupted trial is the next to begin."""
        if row.state == "interrupted":
            self.proposer.interrupted.append(row.number)

    def interrupt_all(self) -> None:
        """The search ends before these trials do: those that have ended on disk are settled."""
        for row in list(self.board.rows.values()):
            if row.state == "running":
                self.interrupt(row)

    def interrupt(self, row: Row) -> None:
        """The trial stands still until the search is resumed, unless it has ended on disk."""
        status = self.catch_up(row)
        if status is not None:
            self.settle(row, status)
            return
        row.state = "interrupted"
        self.ledger.end(str(row.number))
        self.tracker.interrupt(str(row.number))

    def catch_up(self, row: Row) -> Status | None:
        """Store the epochs that are on disk and were not reported; how the run ended, if it has."""
        run = self._fresh(row.number)
        try:
            status, lines = run.status(), run.metrics()
        except (RunError, ValueError):
            return None
        if (lines or status) and not self.tracker.has(str(row.number)):
            self._track(row)  # a machine that lost its power may have lost the record
        for line in lines:
            self.epoch(row.number, line)
        return status

    def settle(self, row: Row, status: Status, trace: str = "") -> None:
        """Write down how a trial has ended: on disk first, from which the rest can be made again."""
        folder = self._folder(row.number)
        if status.state != "complete":  # the run itself has written that it is complete
            end(self._fresh(row.number), status)
        row.end(status)
        self.ledger.end(str(row.number))
        self.tracker.end(str(row.number), status, folder, trace)
        self.proposer.tell(row.number, status)
        self.progress.tell_end(row)
        self.settled()

    def _track(self, row: Row, ray_trial: str = "") -> None:
        folder = self._folder(row.number)
        self.tracker.start(str(row.number), "trial", build(row.flat), folder, ray_trial)

    def _fresh(self, number: int) -> RunFolder:
        """A run as its worker has left it, on whatever machine."""
        run = RunFolder(self._folder(number))
        refresh(run)
        return run

    def _folder(self, number: int) -> Path:
        return self.proposer.runs / str(number)


def status_of(row: Row, result: Mapping[str, Any]) -> Status:
    """How a trial ended, from its last report: failed, complete, or else stopped early."""
    if FAILURE in result:
        return row.status("failed", str(result[FAILURE]))
    if result.get(FINISHED):
        return row.status("complete")
    return row.status("pruned", f"among the weaker ones after epoch {row.epoch}")
