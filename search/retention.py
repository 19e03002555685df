"""Which runs keep their weights: the best of the search, those that train, and those that are in use.

With several objectives the Pareto front stays as well, however many it has: each of its networks is the
best of its size, say.

Configuration, metrics and status of every run stay. Nothing of a run is removed before its status is
on disk, and a better run's weights are there before a weaker one's go.
"""

import shutil
from collections.abc import Iterable
from pathlib import Path

from models.runs import CHECKPOINT, PREDICTIONS, WEIGHTS, RunFolder
from search.fresh import remove
from search.objectives import front
from search.scoreboard import Row, Scoreboard

LARGE = (CHECKPOINT, WEIGHTS, f"{PREDICTIONS}/")


def kept(board: Scoreboard, most: int) -> list[Row]:
    """The complete trials that keep their weights, best score first."""
    ranked = board.ranked()
    staying = {row.number for row in front(board.rows.values(), board.objectives)}
    return [row for place, row in enumerate(ranked) if place < most or row.number in staying]


def to_strip(board: Scoreboard, most: int) -> list[int]:
    """The numbers of ended trials that need no weights."""
    staying = {row.number for row in kept(board, most)}
    ended = (row for row in board.rows.values() if row.state in ("complete", "pruned", "failed"))
    return [row.number for row in ended if row.number not in staying]


def strip(runs: Path, numbers: Iterable[int]) -> set[int]:
    """Remove weights, checkpoint and predictions of these runs, unless an ensemble has pinned them.

    Returns those of which nothing large is left.
    """
    return {number for number in numbers if strip_run(RunFolder(runs / str(number)))}


def strip_run(run: RunFolder) -> bool:
    """Remove what is large of a run that has ended and is not pinned; whether it is such a one.

    In its store first: where that is away, the run is such a one later.
    """
    if run.is_pinned or run.status() is None or not remove(run, LARGE):
        return False
    for file in (run.checkpoint, run.weights):
        file.unlink(missing_ok=True)
    shutil.rmtree(run.path / PREDICTIONS, ignore_errors=True)
    return True
