"""How the trials of a running search stand: plain data that progress and tables are made of."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from models.runs import State, Status
from search.space import FAMILY

RowState = State | Literal["running", "interrupted"]
"""An interrupted trial goes on when its search is resumed."""


@dataclass
class Row:
    """One trial."""

    number: int
    flat: Mapping[str, Any]
    """Its configuration by dotted names."""
    epochs: int
    """The full budget."""
    epoch: int = 0
    """Epochs trained."""
    score: float | None = None
    """Validation score after the last epoch; None where there is none."""
    state: RowState = "running"
    reason: str = ""
    costs: Mapping[str, float] = field(default_factory=dict)
    """What is known of its other objectives, by name."""

    @property
    def family(self) -> str:
        """The family of its network."""
        return str(self.flat.get(FAMILY, "linear"))

    def status(self, state: State, reason: str = "") -> Status:
        """The status of a run that ends here."""
        epoch, epochs, score = self.epoch, self.epochs, self.score
        return Status(state=state, epoch=epoch, epochs=epochs, score=score, reason=reason)

    def end(self, status: Status) -> None:
        """Take over how the trial ended."""
        self.state, self.reason = status.state, status.reason
        self.epoch, self.score = status.epoch, status.score


@dataclass
class Scoreboard:
    """All trials that were started, by number, and the floor beside them."""

    trials: int | None
    """Trials that were asked for; None where hours limit the search."""
    rows: dict[int, Row] = field(default_factory=dict)
    objectives: Sequence[str] = ("score",)
    """The score first."""
    floor: Status | None = None
    """How the floor's run ended; None before it has."""
    interrupted: bool = False
    """Whether it was stopped by Ctrl-C, or by a limit of hours."""
    ended: str = ""
    """Why it ended; '' while it runs."""
    began: float = field(default_factory=time.monotonic)

    def count(self, state: RowState) -> int:
        """How many trials are in a state."""
        return Counter(row.state for row in self.rows.values())[state]

    @property
    def settled(self) -> int:
        """How many trials have ended, in whatever state."""
        return len(self.rows) - self.count("running") - self.count("interrupted")

    @property
    def seconds(self) -> float:
        """Since the search began."""
        return time.monotonic() - self.began

    def ranked(self) -> list[Row]:
        """Complete trials, best first: half-trained ones are not compared with them."""
        complete = [row for row in self.rows.values() if row.state == "complete"]
        return sorted(complete, key=lambda row: -score_or_least(row))

    def leader(self) -> Row | None:
        """The trial with the best score so far, trained to the end or not; None without scores."""
        scored = [row for row in self.rows.values() if row.score is not None]
        return max(scored, key=score_or_least, default=None)


def score_or_least(row: Row) -> float:
    """A row's score for ranking; a missing one ranks last."""
    return float("-inf") if row.score is None else row.score


def ranked_first(rows: Mapping[int, Row]) -> list[Row]:
    """Complete trials by score, then the others by state and number."""
    order = {"complete": 0, "running": 1, "interrupted": 2, "pruned": 3, "failed": 4}

    def key(row: Row) -> tuple[int, float, int]:
        score = -score_or_least(row) if row.state == "complete" else 0.0
        return order[row.state], score, row.number

    return sorted(rows.values(), key=key)
