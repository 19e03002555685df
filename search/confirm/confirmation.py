"""Confirms a search: its best trials are trained again, on every fold and with new seeds."""

import contextlib
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.text import Text

from models.runs import CONFIRM
from search import checks
from search.alone import alone
from search.cluster import ray_for
from search.confirm.candidates import best_candidates, blocks_of, chosen_folds, shared_data
from search.confirm.confirmed import Confirmation
from search.confirm.records import Records
from search.confirm.retraining import PAUSE, Retraining
from search.confirm.standing import Standing
from search.copies import copying
from search.fresh import refresh_below
from search.plan import Plan, read_plan, write_plan
from search.resources import Resources
from search.sampler import load_study
from search.tables import rows_of


@dataclass(frozen=True)
class Asked:
    """What is to be confirmed."""

    top: int
    """Of the search's complete trials."""
    folds: str
    """'all', or numbers with commas between."""
    seeds: int
    """For each fold."""


def confirm(
    plan: Plan, home: Path, asked: Asked, resources: Resources, console: Console
) -> tuple[Confirmation, bool]:
    """Confirm a search until all is known, or until Ctrl-C; the second is whether it was that.

    `plan` is the search's, with the slots and recordings to use now. Raises UserError.
    """
    folder = (home / plan.name).resolve()

    def tell(line: str) -> None:
        console.print(Text(line))

    with contextlib.ExitStack() as stack:
        stack.enter_context(alone(folder))
        rows = rows_of(load_study(folder, plan.name))
        candidates = best_candidates(rows, asked.top, plan.name)
        folds = chosen_folds(asked.folds, shared_data(candidates).folds)
        checks.check_same_data(plan)
        pause = folder / CONFIRM / PAUSE
        copies = stack.enter_context(copying(folder, pause, tell))
        refresh_below(folder / CONFIRM)
        standing = Standing(folder, candidates, blocks_of(folds, asked.seeds, plan.seed))
        records = Records(folder, resources.gpus_per_trial, tell)
        work = Retraining(plan, standing, resources, records, copies, console)
        unfinished = any(row.state == "running" for row in rows)
        # Ray takes seconds, and nothing is trained where all is known.
        with ray_for(plan, home, resources) if standing.waiting() else contextlib.nullcontext():
            found = work.run(_moved(folder), unfinished)
        return found, work.flag.raised


def _moved(folder: Path) -> bool:
    """Whether the search's folder was moved since it was last told; it is told now."""
    plan = read_plan(folder.parent, folder.name)
    if plan.folder == folder:
        return False
    write_plan(folder, plan.model_copy(update={"folder": folder}))
    return True
