"""Trains candidates block by block on the slots of Ray, until the race has stopped all that cannot win.

How far it is is in the run folders alone, so that it goes on from whatever an earlier process left:
complete and failed runs stay as they are, others go on from their checkpoints.
"""

from typing import Any

import ray
from rich.console import Console
from rich.status import Status as Spinner
from rich.text import Text

from models.runs import CONFIRM, Status
from search.confirm.candidates import Block, Candidate
from search.confirm.confirmed import Confirmation, write_confirmation
from search.confirm.keeping import kept, tidy
from search.confirm.records import Records
from search.confirm.standing import Cell, Standing
from search.copies import Copies
from search.floor import submit_on_slot
from search.fresh import refresh
from search.plan import Plan
from search.progress import duration
from search.resources import Resources
from search.roll_call import roll_call
from search.share import Share
from search.signals import Flag, raised_by_signals
from search.space import build
from search.steps import FAILURE, PAUSED, TRACE, Settings, write_failure
from search.trainable import NODE

PAUSE = "pause"
WAIT = 0.5
"""Seconds between looks at the runs."""


class Retraining:
    """All runs of a confirmation in this process."""

    def __init__(
        self,
        plan: Plan,
        standing: Standing,
        resources: Resources,
        records: Records,
        copies: Copies,
        console: Console,
    ) -> None:
        self.standing, self.records, self.console = standing, records, console
        self.copies = copies
        self.folder, self.slots, self.flag = standing.folder, resources.slots, Flag()
        self.pause = self.folder / CONFIRM / PAUSE
        self.settings = Settings.of(plan, self.folder / CONFIRM, self.pause, resources)
        self.roll_call = roll_call(resources, self.settings, plan.store, self._tell)
        share = Share(plan.cpus_per_trial, resources.gpus_per_trial, resources.holders)
        self._submit = submit_on_slot(share)
        self._running: dict[Any, Cell] = {}
        """By Ray's reference to the run's result."""
        self._stopped = set(standing.race.stopped)

    def run(self, moved: bool, unfinished: bool) -> Confirmation:
        """Train what is to be trained; whatever happens, no record is left open.

        `moved` is whether the search's folder was, `unfinished` whether the search is.
        """
        self.pause.unlink(missing_ok=True)
        self.flag.on_raise = self._pause
        with self.console.status("") as spinner, raised_by_signals(self.flag):
            try:
                with self.flag.writing():
                    self._open(moved)
                while self._fill():
                    self._look(spinner)
            finally:
                self._close(unfinished)
        return self.standing.confirmation

    def _open(self, moved: bool) -> None:
        self.records.open(moved)
        for cell in self.standing.cells():
            status = self.standing.run(cell).status()
            if status is not None:
                self.records.catch_up(*self._named(cell), status)
        tidy(self.standing)
        self._tell(self._line() + self._expected())

    def _fill(self) -> bool:
        """Begin runs on free slots; whether any are running."""
        free = 0 if self.flag.raised else self.slots - len(self._running)
        for cell in self.standing.waiting(self._running.values())[:free]:
            candidate, block = self._named(cell)
            with self.flag.writing():
                self.records.start(candidate, block)
                folder, flat = candidate.run(self.folder, block), candidate.configured(block)
                self._running[self._submit(self.settings, folder, flat)] = cell
        return bool(self._running)

    def _look(self, spinner: Spinner) -> None:
        """Take the results that are there."""
        if self.roll_call is not None:
            self.roll_call.tick()
        done, _ = ray.wait(list(self._running), timeout=WAIT)
        with self.flag.writing():
            for reference in done:
                self._end(self._running.pop(reference), _result(reference))
            if self.records.is_due():
                for cell in self._running.values():
                    self.records.follow(*self._named(cell))
            self.copies.tick()
            if self.copies.taken:
                self.flag.raise_gently()
        spinner.update(Text(self._line()))

    def _end(self, cell: Cell, result: dict[str, Any]) -> None:
        """Settle a run from its last result, unless it stands still, for then it may go on elsewhere."""
        if self.roll_call is not None and NODE in result:
            self.roll_call.hear(result)
        run = self.standing.run(cell)
        refresh(run)
        status = run.status()
        if status is None and PAUSED in result:
            self.records.interrupt(*self._named(cell))
            return
        if status is None:
            epochs = build(self._named(cell)[0].flat).training.epochs
            reason = str(result.get(FAILURE, ""))
            status = write_failure(run, epochs, reason)
        self.records.end(*self._named(cell), status, str(result.get(TRACE, "")))
        self.standing.note(cell, status)
        tidy(self.standing, self._running.values())
        write_confirmation(self.folder, self.standing.confirmation)
        self._tell_end(cell, status)

    def _pause(self) -> None:
        """Runs see this file within a second of a step."""
        self.pause.parent.mkdir(exist_ok=True)
        self.pause.touch()
        self._tell(
            f"Ctrl-C: {len(self._running)} runs write their checkpoints, then this ends; "
            "Ctrl-C leaves at once"
        )

    def _close(self, unfinished: bool) -> None:
        """Settle what is open, without asking Ray, which may be gone."""
        self.pause.unlink(missing_ok=True)
        for cell in self._running.values():
            self._end(cell, {PAUSED: True})
        write_confirmation(self.folder, self.standing.confirmation)
        for cell in kept(self.standing):
            self.records.keep(*self._named(cell))
        self.records.close(unfinished)

    def _tell_end(self, cell: Cell, status: Status) -> None:
        """Say how a run has ended, and who is stopped because of it."""
        candidate, block = self._named(cell)
        words = f"failed: {status.reason}" if status.state == "failed" else f"{status.score:.4f}"
        self._tell(f"trial {candidate.number} {block.name}: {words}")
        stopped = self.standing.race.stopped
        spared = {number for number in stopped if None in self.standing.scores[number]}
        for number in spared - self._stopped:
            self._tell(f"trial {number} is stopped: {stopped[number]}")
        self._stopped = set(stopped)

    def _line(self) -> str:
        """How far it is, in words."""
        scores, now = self.standing.scores, self.standing.race
        there = sum(score is not None for row in scores.values() for score in row)
        left = len(self.standing.waiting(self._running.values()))
        parts = [f"{there} runs are there, {len(self._running)} running, {left} to begin"]
        parts += [f"{len(now.stopped)} stopped"] if now.stopped else []
        parts += [f"trial {now.leader} leads after {now.blocks} blocks"] if now.blocks else []
        return " · ".join(parts)

    def _expected(self) -> str:
        """How long it takes, at most: whoever is stopped trains less."""
        seconds = self.standing.seconds_left()
        return (
            f" · {duration(seconds / self.slots)} at most, at the search's pace" if seconds else ""
        )

    def _tell(self, message: str) -> None:
        self.console.print(Text(message))

    def _named(self, cell: Cell) -> tuple[Candidate, Block]:
        return self.standing.candidates[cell[0]], self.standing.blocks[cell[1]]


def _result(reference: Any) -> dict[str, Any]:
    """The last result of a run, or why there is none."""
    try:
        result: dict[str, Any] = ray.get(reference)
    except ray.exceptions.RayError as error:
        return {FAILURE: f"the worker was lost: {str(error).splitlines()[0]}"}
    return result
