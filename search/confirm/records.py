"""The records of a confirmation: MLflow's runs below the search's own, and the ledger's stretches."""

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

from models.runs import TAG_FOLD, TAG_NUMBER, TAG_SEED, RunFolder, Status
from search.confirm.candidates import Block, Candidate
from search.delivery import Delivery
from search.fresh import refresh
from search.ledger import EVERY, Ledger
from search.mlflow_store import Store
from search.outbox import Outbox
from search.space import build
from search.tracking import ENDS, Tracker

PATIENCE = 60.0
"""Seconds that the end waits for MLflow."""


class Records:
    """What is written down of the runs of a confirmation, while the search's own driver rests."""

    def __init__(self, folder: Path, gpus: float, tell: Callable[[str], None]) -> None:
        """`gpus` of a run; `tell` gets a line when MLflow goes away, and when it is back."""
        self.folder, self.tell = folder, tell
        self.store = Store(folder.parent, folder.name)
        self.outbox = Outbox(folder)
        self.delivery = Delivery(self.outbox, self.store.deliver, tell)
        self.tracker = Tracker(self.outbox, folder)
        self.ledger = Ledger(folder, gpus)
        self._last: dict[str, str] = {}
        """How each run stands in the records."""
        self._looked = time.monotonic()

    def open(self, moved: bool) -> None:
        """Go on with the records that there are; `moved` is whether the search's folder was."""
        for record in self.outbox.history():
            if record["do"] in ("run", "reopen", "end"):
                self._last[record["key"]] = record.get("status", "RUNNING")
        if self.outbox.sent and self._is_missing():
            self.outbox.send_again()  # the folder was moved without MLflow's database
        self.tracker.go_on(self.outbox.history(), moved)
        self.delivery.start()

    def _is_missing(self) -> bool:
        with contextlib.suppress(Exception):  # whatever a server that is away may raise
            return self.store.is_missing()
        return False

    def start(self, candidate: Candidate, block: Block) -> None:
        """A run has a worker."""
        self.ledger.begin(candidate.key(block))
        self._start(candidate, block)

    def _start(self, candidate: Candidate, block: Block) -> None:
        tags = {
            TAG_NUMBER: str(candidate.number),
            TAG_FOLD: str(block.fold),
            TAG_SEED: str(block.index),
        }
        config, folder = build(candidate.configured(block)), candidate.run(self.folder, block)
        self.tracker.start(candidate.key(block), "confirm", config, folder, more=tags)

    def follow(self, candidate: Candidate, block: Block) -> None:
        """Store the epochs that a run has trained."""
        run = RunFolder(candidate.run(self.folder, block))
        refresh(run)
        for line in run.metrics():
            self.tracker.log(candidate.key(block), line)

    def end(self, candidate: Candidate, block: Block, status: Status, trace: str = "") -> None:
        """A run has ended."""
        key = candidate.key(block)
        self.follow(candidate, block)
        self.ledger.end(key)
        self.tracker.end(key, status, candidate.run(self.folder, block), trace)
        self._last[key] = ENDS[status.state]

    def catch_up(self, candidate: Candidate, block: Block, status: Status) -> None:
        """Store a run that had ended when an earlier process was killed before it stored that."""
        if self._last.get(candidate.key(block)) != ENDS[status.state]:
            self._start(candidate, block)
            self.end(candidate, block, status)

    def keep(self, candidate: Candidate, block: Block) -> None:
        """Store the weights of a run that stays, once."""
        run = RunFolder(candidate.run(self.folder, block))
        self.tracker.keep(candidate.key(block), run.path, run.weights.name)

    def interrupt(self, candidate: Candidate, block: Block) -> None:
        """A run stands still until the confirmation goes on."""
        self.follow(candidate, block)
        self.ledger.end(candidate.key(block))
        self.tracker.interrupt(candidate.key(block))

    def is_due(self) -> bool:
        """Whether it is time to follow the runs again; the ledger is written then."""
        if time.monotonic() - self._looked < EVERY:
            return False
        self._looked = time.monotonic()
        self.ledger.tick()
        return True

    def close(self, interrupted: bool) -> None:
        """Close the search's run, `interrupted` if the search itself is, and wait for MLflow."""
        self.tracker.close(interrupted)
        self.ledger.close()
        if not self.delivery.wait(PATIENCE):
            name = self.folder.name
            self.tell(
                f"{self.outbox.left} records wait for MLflow in {self.folder}; "
                f"'python -m search confirm {name}' and 'resume {name}' send them"
            )
        self.delivery.close()
