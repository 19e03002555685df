"""A search under way: its parts, and how they hang together."""

import contextlib
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from models.files import free_bytes
from models.runs import FLOOR_RUN, RunFolder
from search.callback import Hooks
from search.constraints import limits_check
from search.copies import Copies
from search.delivery import Delivery
from search.floor import Floor, submit_on_slot
from search.fresh import forget, refresh
from search.ledger import Ledger
from search.machine import Machine
from search.mlflow_store import Store
from search.objectives import measured
from search.outbox import Outbox
from search.plan import Plan, read_plan
from search.progress import Progress
from search.reconcile import reconcile
from search.recorded import most_epochs
from search.recorder import Recorder
from search.resources import Resources
from search.retention import kept, strip, to_strip
from search.roll_call import roll_call
from search.sampler import Proposer, load_study, open_study
from search.samplers import describe_sampler, make_sampler
from search.scoreboard import Scoreboard
from search.share import Share
from search.signals import Flag, raised_by_signals
from search.space import Space, floor_flat
from search.steps import Settings
from search.stopping import make_pruner
from search.study_storage import one_transaction
from search.tracking import Tracker
from search.tuning import tuner
from search.warm import warm_start

PAUSE = "pause"
PATIENCE = 60.0
"""Seconds that the end of a search waits for MLflow."""


class Search:
    """Everything of one search in this process."""

    def __init__(
        self, plan: Plan, folder: Path, space: Space, resources: Resources, console: Console
    ) -> None:
        self.plan, self.folder, self.space, self.resources = plan, folder, space, resources
        self.settings = Settings.of(plan, folder / "runs", folder / PAUSE, resources)
        self.board = Scoreboard(plan.limits.trials, objectives=plan.objectives)
        self.flag = Flag()
        self.ledger = Ledger(folder, plan.gpus_per_trial)
        self.machine = Machine()
        self.progress = Progress(console, self.board, self.ledger, plan.limits, self.machine)
        self.copies = Copies(folder, folder / PAUSE, self.progress.tell)
        self.store = Store(folder.parent, folder.name)
        self.outbox = Outbox(folder)
        self.delivery = Delivery(self.outbox, self.store.deliver, self.progress.tell)
        self.tracker = Tracker(self.outbox, folder)
        self.proposer = self._proposer()
        self.recorder = Recorder(
            self.proposer, self.tracker, self.board, self.progress, self.ledger, self._strip
        )
        self.roll_call = roll_call(resources, self.settings, plan.store, self.progress.tell)
        self.share = Share(plan.cpus_per_trial, plan.gpus_per_trial, resources.holders)
        self.floor: Floor | None = None
        self.stripped: set[int] = set()
        """Trials whose large files are gone: to look at all of them after each trial takes long."""

    def _proposer(self) -> Proposer:
        plan = self.plan
        study = open_study(self.folder, plan.name, plan.objectives)
        epochs = most_epochs(self.space)
        rule, brackets = plan.stopping, plan.brackets
        study.pruner = make_pruner(rule, epochs, plan.grace, plan.reduction, brackets)
        trials, begun = plan.limits.trials, len(study.get_trials(deepcopy=False))
        study.sampler = make_sampler(
            plan.sampler, self.space, trials, plan.seed, begun, plan.objectives
        )
        check = limits_check(self.space.limits, plan.data)
        count = measured(plan.objectives, plan.data)
        runs = self.settings.runs
        proposer = Proposer(study, self.space, plan.seed, runs, self.flag, check, count)
        proposer.hold = self._held
        proposer.wait = self._is_to_wait
        return proposer

    def run(self, begun: bool, moved: bool) -> None:
        """Train the floor and the trials; whatever happens, no record is left open."""
        (self.folder / PAUSE).unlink(missing_ok=True)
        self.copies.begin()
        self.flag.on_raise = self._pause
        with self.progress, raised_by_signals(self.flag):
            try:
                with self.flag.writing():
                    # A driver that was killed before its first record has begun nothing.
                    self._go_on(moved) if begun and self.outbox.written else self._begin()
                    self.delivery.start()
                    self._start_floor()
                tuner(self.share, self.settings, self.recorder, self._hooks()).fit()
                self._wait_for_floor()
            finally:
                self._close()

    def _begin(self) -> None:
        """The record of the parent run comes last: until it is there, all of this is done again."""
        self._warm_start()
        self.proposer.enqueue()
        plan = self.plan
        trials, objectives = plan.limits.trials, plan.objectives
        self.progress.tell(describe_sampler(plan.sampler, self.space, trials, objectives))
        self.tracker.begin(plan.model_dump(mode="json", exclude={"recorded", "folder"}))

    def _warm_start(self) -> None:
        for name in self.plan.warm_start:
            if read_plan(self.folder.parent, name).fingerprint != self.plan.fingerprint:
                self.progress.tell(f"warm start: nothing from '{name}', of other recordings")
                continue
            source = load_study(self.folder.parent / name, name)
            study = self.proposer.study
            with one_transaction(study):
                report = warm_start(study, self.space, source, name, self.proposer.parameters)
            for line in report.lines():
                self.progress.tell(line)

    def _go_on(self, moved: bool) -> None:
        if self.outbox.sent and self._is_missing_in_mlflow():
            self.outbox.send_again()  # the folder was moved without MLflow's database
        self.tracker.go_on(self.outbox.history(), moved)
        study = self.proposer.study
        forget(self.settings.runs, (trial.number for trial in study.get_trials(deepcopy=False)))
        reconcile(self.recorder)

    def _is_missing_in_mlflow(self) -> bool:
        with contextlib.suppress(Exception):  # whatever a network or a server may raise
            return self.store.is_missing()
        return False  # it is away, and has what was sent before

    def _start_floor(self) -> None:
        if not self.plan.floor:
            return
        folder = self.folder / FLOOR_RUN
        run = RunFolder(folder)
        refresh(run)
        self.board.floor = run.status() if run.exists else None
        if self.board.floor is None:
            submit = submit_on_slot(self.share)
            flat = floor_flat(self.space)
            records = self.tracker, self.ledger
            self.floor = Floor(self.settings, folder, flat, *records, submit, self._hear)

    def _hooks(self) -> Hooks:
        return Hooks(self.recorder, self.flag, self._tick, self._hear)

    def _hear(self, result: Mapping[str, Any]) -> None:
        """What a node has done, which may be for the last time."""
        if self.roll_call is not None:
            self.roll_call.hear(result)

    def _tick(self) -> None:
        if self.roll_call is not None:
            self.roll_call.tick()
        with self.flag.writing():
            if self.floor is not None:
                self.floor.collect(self.board)
            self.ledger.tick()
            if self.machine.is_due():
                self.tracker.log_machine(self.machine.values, self.machine.seconds)
            if not self.flag.raised:
                self._end_when_used_up()
            self.copies.tick()
            if self.copies.taken and not self.flag.raised:
                self.board.ended = "another driver has taken it over"
                self.flag.raise_gently()
        self.progress.tick()

    def _end_when_used_up(self) -> None:
        limits = self.plan.limits
        if limits.hours is None and limits.gpu_hours is None:
            return  # no sum over thousands of stretches many times a second
        used_up = limits.used_up(self.ledger.stretches)
        if used_up:
            self.board.ended = used_up
            self.flag.raise_gently()

    def _held(self) -> str:
        """Why nothing new is proposed."""
        waiting = len(self.proposer.open.keys() - self.board.rows.keys())
        self.board.ended = self.plan.limits.no_more(self.board, waiting)
        return self.board.ended

    def _is_to_wait(self) -> bool:
        """Whether no trial may begin for the moment."""
        waits = self._is_full() or self._disk_is_low()
        if waits and not self.board.count("running"):
            self._tick()  # Ray asks here again and again, and nothing else, when no trial runs
        return waits

    def _is_full(self) -> bool:
        """Whether Ray holds all trials that it is to hold."""
        floor = self.floor is not None and not self.floor.is_over
        live = len(self.proposer.open) - len(self.proposer.interrupted) + floor
        return live >= self.resources.slots + self.resources.ahead

    def _disk_is_low(self) -> bool:
        """Whether no trial may begin for want of disk space; said when that begins and ends."""
        free = free_bytes(self.folder) / 1e9
        low = free < self.plan.min_free_gb
        if low != self.progress.waiting:
            self.progress.waiting = low
            self.progress.tell(
                f"{free:.1f} GB free in {self.folder}, {self.plan.min_free_gb:g} are wanted: "
                + ("no trial begins until there is more" if low else "trials begin again")
            )
        return low

    def _pause(self) -> None:
        """Trials see this file within a second of a step."""
        (self.folder / PAUSE).touch()
        running = self.board.count("running")
        why = self.board.ended or "Ctrl-C"
        self.board.ended = why
        self.progress.tell(
            f"{why}: running trials ({running}) write their checkpoints, then the search ends; "
            "Ctrl-C leaves at once"
        )

    def _wait_for_floor(self) -> None:
        while self.floor and not self.floor.is_over:
            self._tick()
            time.sleep(0.2)

    def _strip(self) -> None:
        if self.copies.taken:
            return  # what is to stay is for the other driver to say
        numbers = set(to_strip(self.board, self.plan.keep)) - self.stripped
        self.stripped |= strip(self.settings.runs, numbers)

    def _close(self) -> None:
        """Settle what is open, without asking Ray, which may be gone: nothing after an ordinary end."""
        with self.flag.writing():
            (self.folder / PAUSE).unlink(missing_ok=True)
            self.board.interrupted = self.flag.raised
            self.board.ended = self.board.ended or self.proposer.exhausted
            self.recorder.interrupt_all()
            if self.floor is not None:
                self.floor.interrupt(self.board)
            self._keep()
            self.tracker.close(interrupted=self.flag.raised)
            self.ledger.close()
        if not self.delivery.wait(PATIENCE):
            self.progress.tell(
                f"{self.outbox.left} records wait for MLflow in {self.folder}; "
                f"'python -m search resume {self.folder.name}' sends them"
            )
        self.delivery.close()

    def _keep(self) -> None:
        """The weights that stay go to MLflow too, and the best run's become a model version."""
        rows = kept(self.board, self.plan.keep)
        for row in rows:
            run = RunFolder(self.settings.runs / str(row.number))
            self.tracker.keep(str(row.number), run.path, run.weights.name)
        if rows:
            self.tracker.register(str(rows[0].number))
