"""The floor: the linear model, trained beside the trials as a Ray task on one of their slots."""

from pathlib import Path
from typing import Any

import ray

from models.runs import FLOOR_RUN, SCORE, RunFolder, Status
from search.recorder import INTERRUPTED
from search.scoreboard import Scoreboard
from search.space import Flat, build
from search.steps import FAILURE, FINISHED, TRACE, Settings, Steps
from search.tracking import Tracker


def train(settings: Settings, folder: Path, flat: Flat) -> dict[str, Any]:
    """Train a run to its end: the last epoch's result, or the failure."""
    steps = Steps(settings, folder, flat)
    while True:
        result = steps.step()
        if result[FINISHED] or FAILURE in result:
            return result


class Floor:
    """The floor's run, from its start to its place on the scoreboard."""

    def __init__(
        self, settings: Settings, folder: Path, flat: Flat, tracker: Tracker, gpus: float
    ) -> None:
        self.folder, self.config, self.tracker = folder, build(flat), tracker
        tracker.start(FLOOR_RUN, "floor", self.config, folder)
        task = ray.remote(num_cpus=1, num_gpus=gpus, max_retries=1)(train)
        self._result = task.remote(settings, folder, flat)

    def collect(self, board: Scoreboard) -> None:
        """Put the floor on the board if it is done."""
        if board.floor is None and ray.wait([self._result], timeout=0)[0]:
            try:
                result = ray.get(self._result)
            except ray.exceptions.RayError as error:
                result = {FAILURE: f"the worker was lost: {str(error).splitlines()[0]}"}
            self._settle(board, result)

    def interrupt(self, board: Scoreboard) -> None:
        """Record how far the run is, if it is not on the board, and stop it."""
        if board.floor is None:
            run = RunFolder(self.folder)
            status = run.status() if run.exists else None
            reason = INTERRUPTED if status is None else status.reason
            failed = status is None or status.state == "failed"
            self._settle(board, {FAILURE: reason} if failed else {}, killed=status is None)
            ray.cancel(self._result, force=True)

    def _settle(self, board: Scoreboard, result: dict[str, Any], killed: bool = False) -> None:
        lines = RunFolder(self.folder).metrics()
        for line in lines:
            self.tracker.log(FLOOR_RUN, line)
        reason = str(result.get(FAILURE, ""))
        status = Status(
            state="failed" if reason else "complete",
            epoch=len(lines),
            epochs=self.config.training.epochs,
            score=lines[-1][SCORE] if lines else None,
            reason=reason,
        )
        if reason:
            RunFolder(self.folder).end(status)
        board.floor = status
        trace = str(result.get(TRACE, ""))
        self.tracker.end(FLOOR_RUN, status, self.folder, killed, trace)
