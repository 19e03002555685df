"""Which runs keep their weights: the best of the search, those that train, and those that are in use.

Configuration, metrics and status of every run stay. Nothing of a run is removed before its status is
on disk, and a better run's weights are there before a weaker one's go.
"""

import shutil
from collections.abc import Iterable
from pathlib import Path

from models.runs import RunFolder
from search.scoreboard import Row, Scoreboard

PREDICTIONS = "predictions"


def kept(board: Scoreboard, most: int) -> list[Row]:
    """The complete trials that keep their weights, best first."""
    return board.ranked()[:most]


def to_strip(board: Scoreboard, most: int) -> list[int]:
    """The numbers of ended trials that need no weights."""
    staying = {row.number for row in kept(board, most)}
    ended = (row for row in board.rows.values() if row.state in ("complete", "pruned", "failed"))
    return [row.number for row in ended if row.number not in staying]


def strip(runs: Path, numbers: Iterable[int]) -> set[int]:
    """Remove weights, checkpoint and predictions of these runs, unless an ensemble has pinned them.

    Returns those of which nothing large is left.
    """
    done = set()
    for number in numbers:
        run = RunFolder(runs / str(number))
        if run.is_pinned or run.status() is None:
            continue
        for file in (run.checkpoint, run.weights):
            file.unlink(missing_ok=True)
        shutil.rmtree(run.path / PREDICTIONS, ignore_errors=True)
        done.add(number)
    return done
