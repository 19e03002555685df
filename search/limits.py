"""When a search ends: trials, hours, GPU-hours, or no better member for many trials."""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from search.ledger import Stretch, gpu_hours, wall_hours
from search.scoreboard import Row, Scoreboard, score_or_least

SEED_NOISE = 0.003
"""What another seed changes: below it a difference says nothing for the winner's model."""


class Limits(BaseModel):
    """What a search may use; None is without limit."""

    model_config = ConfigDict(frozen=True)

    trials: int | None = Field(default=None, ge=1)
    hours: float | None = Field(default=None, gt=0)
    """While a driver of the search is there."""
    gpu_hours: float | None = Field(default=None, gt=0)
    plateau: int | None = Field(default=None, ge=1)
    """Trials in a row without a better complete one, after which nothing more is proposed."""
    noise: float = Field(default=SEED_NOISE, ge=0)
    """How much better counts as better."""

    def no_more(self, board: Scoreboard, waiting: int = 0) -> str:
        """Why no further trial is proposed; '' while one may be.

        `waiting` are proposed and have no slot yet, so that they are not on the board.
        """
        if self.trials is not None and len(board.rows) + waiting >= self.trials:
            return f"all {self.trials} trials are proposed"
        if self.plateau is not None and since_better(board, self.noise) >= self.plateau:
            return f"no trial was better by {self.noise:g} for {self.plateau} trials"
        return ""

    def used_up(self, stretches: Sequence[Stretch]) -> str:
        """Why running trials are to end as well; '' while they may go on."""
        hours, gpu = wall_hours(stretches), gpu_hours(stretches)
        if self.hours is not None and hours >= self.hours:
            return f"{hours:.2f} of {self.hours:g} hours are used"
        if self.gpu_hours is not None and gpu >= self.gpu_hours:
            return f"{gpu:.2f} of {self.gpu_hours:g} GPU-hours are used"
        return ""


def since_better(board: Scoreboard, noise: float) -> int:
    """How many trials have ended since the last one that was better than all before by `noise`.

    Trials count in the order of their numbers; until one is complete there is nothing to be better than.
    """
    best, since = float("-inf"), 0
    for row in _ended(board):
        if row.state == "complete" and score_or_least(row) > best + noise:
            best, since = score_or_least(row), 0
        elif best > float("-inf"):
            since += 1
    return since


def _ended(board: Scoreboard) -> list[Row]:
    ended = [row for row in board.rows.values() if row.state in ("complete", "pruned", "failed")]
    return sorted(ended, key=lambda row: row.number)
