"""`python -m search confirm`: which trial of a search is the best one, and how good is it really?"""

import sys
from typing import Annotated

import typer

from models.console import out, uncut
from models.recordings.where import absolute
from models.runs import home_folder
from search.options import STOPPED, Address, Data, GpusPerTrial, Home, Name, Slots
from search.plan import read_plan

TOP = 10
SEEDS = 2
NEXT = "Next: python -m ensemble build NAME --data DATA --out DIR"


def confirm(
    name: Name,
    top: Annotated[
        int, typer.Option(min=1, help="So many complete trials: the best ones of the search.")
    ] = TOP,
    folds: Annotated[
        str, typer.Option(help="all, or numbers with commas between, as 0,1,2.")
    ] = "all",
    seeds: Annotated[int, typer.Option(min=1, help="Runs on each fold, of a seed each.")] = SEEDS,
    slots: Slots = None,
    gpus_per_trial: GpusPerTrial = None,
    data: Data = None,
    address: Address = None,
    home: Home = None,
) -> None:
    """Train the best trials again, on every fold and with new seeds; stop those that cannot win.

    The same command goes on after Ctrl-C; with a larger --top or more --seeds it adds to what is there.
    """
    from search.cluster import resumed_resources
    from search.confirm.confirmation import Asked
    from search.confirm.confirmation import confirm as train
    from search.confirm.confirmed import confirmation_table, explanation

    folder = home_folder(home)
    plan = read_plan(folder, name)
    resources = resumed_resources(address, plan, slots, gpus_per_trial)
    plan = plan.model_copy(update={"data": plan.data if data is None else absolute(data)})
    found, interrupted = train(plan, folder, Asked(top, folds, seeds), resources, out)
    where = f" --home {home}" if home else ""
    out.print(uncut(confirmation_table(found)))
    for line in explanation(found, folder / name):
        out.print(line)
    if interrupted:
        again = f"--top {top} --folds {folds} --seeds {seeds}{where}"
        out.print(f"next: python -m search confirm {name} {again}")
        sys.exit(STOPPED)
    out.print(f"next: python -m ensemble build {name} --data {plan.data} --out DIR{where}")
