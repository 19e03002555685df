"""The floor: the linear model, trained beside the trials as a Ray task on one of their slots."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import ray
from ray.tune.result import NODE_IP

from models.errors import RunError
from models.runs import FLOOR_RUN, RunFolder
from search.fresh import refresh
from search.ledger import Ledger
from search.scoreboard import Scoreboard
from search.share import Share
from search.space import Flat, build
from search.steps import FAILURE, LEAVING, PAUSED, TRACE, Settings, Steps, is_over, write_failure
from search.tracking import Tracker
from search.trainable import NODE, check_code

RETRIES = 3


def train(settings: Settings, folder: Path, flat: Flat) -> dict[str, Any]:
    """Train a run to its end: the last epoch's result, the failure, or that it is paused.

    On a cluster it also says where; a node that may not train pauses it, with the reason.
    """
    place = _place() if settings.notices else {}
    try:
        check_code(settings.code)
    except RunError as error:
        return {PAUSED: True, LEAVING: error.message, **place}
    steps = Steps(settings, folder, flat)
    while True:
        result = steps.step()
        if is_over(result):
            return {**result, **place}


def _place() -> dict[str, Any]:
    node = ray.get_runtime_context().get_node_id()
    address = ray.util.get_node_ip_address()  # type: ignore[no-untyped-call]
    return {NODE: node, NODE_IP: address}


class Floor:
    """The floor's run, from its start to its place on the scoreboard."""

    def __init__(
        self,
        settings: Settings,
        folder: Path,
        flat: Flat,
        tracker: Tracker,
        ledger: Ledger,
        submit: Callable[..., Any],
        hear: Callable[[dict[str, Any]], None] = lambda _: None,
    ) -> None:
        """`submit` starts `train` with these arguments on a slot, and gives Ray's reference.

        `hear` is told each result that says where it comes from.
        """
        self.folder, self.config = folder, build(flat)
        self.tracker, self.ledger = tracker, ledger
        tracker.start(FLOOR_RUN, "floor", self.config, folder)
        ledger.begin(FLOOR_RUN)
        self._begin: Callable[[], Any] = partial(submit, settings, folder, flat)
        self._hear = hear
        self._result = self._begin()
        self._over = False

    def collect(self, board: Scoreboard) -> None:
        """Put the floor on the board if it is done."""
        if not self._over and ray.wait([self._result], timeout=0)[0]:
            try:
                result = ray.get(self._result)
            except ray.exceptions.RayError as error:
                result = {FAILURE: f"the worker was lost: {str(error).splitlines()[0]}"}
            if NODE in result:
                self._hear(result)
            if LEAVING in result:
                self._result = self._begin()  # on another node: this one gets nothing more
            else:
                self._end(board, result)

    @property
    def is_over(self) -> bool:
        """Whether it has ended, or stands still."""
        return self._over

    def interrupt(self, board: Scoreboard) -> None:
        """Record how far the run is, if it is not on the board, and stop it."""
        if not self._over:
            self._end(board, {PAUSED: True})
            ray.cancel(self._result, force=True)

    def _end(self, board: Scoreboard, result: dict[str, Any]) -> None:
        self._over = True
        self.ledger.end(FLOOR_RUN)
        run = RunFolder(self.folder)
        refresh(run)
        for line in run.metrics():
            self.tracker.log(FLOOR_RUN, line)
        status = run.status() if run.exists else None
        if PAUSED in result and status is None:
            self.tracker.interrupt(FLOOR_RUN)
            return
        if status is None:
            epochs, reason = self.config.training.epochs, str(result.get(FAILURE, ""))
            status = write_failure(run, epochs, reason)
        board.floor = status
        self.tracker.end(FLOOR_RUN, status, self.folder, str(result.get(TRACE, "")))


def submit_on_slot(share: Share) -> Callable[..., Any]:
    """What starts `train` as a Ray task with the resources of a slot."""
    return share.submitter(train, RETRIES)
