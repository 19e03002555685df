"""What stays on disk of a confirmation's runs; what is small of each stays anyway.

    a run that trains or waits                    all
    a complete run of a candidate that can win,
      is confirmed, or failed in another run      weights and predictions, for an ensemble or another try
    a failed run, any run of who was stopped      nothing large
    a run that something depends on               all: it is pinned

All of this follows from what is on disk, so that whatever a killed process has left undone is done by
the next one. A candidate is noted as dropped before the first of its weights goes.
"""

from collections.abc import Collection

from models.recordings.locks import locking
from models.runs import RunFolder
from search.confirm.standing import Cell, Standing
from search.fresh import remove
from search.retention import LARGE, strip_run
from search.steps import LOCK


def tidy(standing: Standing, running: Collection[Cell] = ()) -> None:
    """Remove what need not stay, but nothing of the runs that are `running`."""
    for one in standing.confirmation.candidates:
        if one.state == "stopped" and one.number not in standing.dropped:
            standing.drop(one.number, one.reason)
    for cell in standing.cells():
        run = standing.run(cell)
        if cell in running or run.is_pinned:
            continue
        whole = cell[0] in standing.dropped or standing.has_failed(cell)
        if (cell, whole) not in standing.tidied and (_strip(run) if whole else _trim(run)):
            standing.tidied.add((cell, whole))


def kept(standing: Standing) -> list[Cell]:
    """The runs of the confirmed candidates: what an ensemble is made of."""
    confirmed = {one.number for one in standing.confirmation.candidates if one.state == "confirmed"}
    return [cell for cell in standing.cells() if cell[0] in confirmed]


def _trim(run: RunFolder) -> bool:
    """Remove what only training needs of a run that has ended; whether it is such a one."""
    if run.status() is None or not remove(run, [run.checkpoint.name]):
        return False
    run.checkpoint.unlink(missing_ok=True)
    return True


def _strip(run: RunFolder) -> bool:
    """Remove what is large of a run of a candidate that does not go on, unless a process trains it."""
    if strip_run(run):
        return True
    if run.status() is not None or not run.path.is_dir():
        return False
    with locking(run.path / LOCK) as mine:
        if not mine or not remove(run, LARGE):
            return False
        for file in (run.checkpoint, run.weights):
            file.unlink(missing_ok=True)
    return True
