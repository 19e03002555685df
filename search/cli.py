"""`python -m search`: start a search, see how searches stand."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from models.console import err, out
from models.recordings.where import absolute
from models.runs import home_folder
from search import rerunning, retrieving, serving
from search import ui as mlflow_ui
from search.bench.commands import bench
from search.checks import parse_overrides
from search.confirm import command as confirming
from search.limits import SEED_NOISE, Limits
from search.objectives import ordered
from search.options import (
    STOPPED,
    UNFIT,
    Address,
    Brackets,
    Data,
    GpuHours,
    GpusPerTrial,
    Grace,
    Home,
    Hours,
    Name,
    Noise,
    Objectives,
    Plateau,
    Reduction,
    Slots,
    Stopping,
    Store,
    Trials,
)
from search.plan import Plan, read_plan
from search.reading import shipped_spaces

if TYPE_CHECKING:
    from search.scoreboard import Scoreboard

TRIALS = 20
"""Of a search for which nothing else is said."""
BEST = 5
"""Trials in the table at the end of a search."""

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Search for models of recordings: many runs, the weak ones stopped early.",
    epilog="Next: python -m search run DATA --name demo --trials 8",
)
app.add_typer(bench, name="bench")


@app.command(epilog="Next: python -m search status NAME, and python -m search ui")
def run(
    data: Annotated[str, typer.Argument(help="The recordings' folder, or a packed store's URI.")],
    name: Annotated[str, typer.Option(help="A new name for this search.")],
    space: Annotated[
        str, typer.Option(help=f"{', '.join(shipped_spaces())}, or a YAML file.")
    ] = "demo",
    trials: Trials = None,
    hours: Hours = None,
    gpu_hours: GpuHours = None,
    plateau: Plateau = None,
    noise: Noise = SEED_NOISE,
    epochs: Annotated[
        int | None, typer.Option(help="Full budget of a run, instead of the space's.")
    ] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Fix a name, such as training.batch_size=8."
        ),
    ] = None,
    objective: Objectives = None,
    sampler: Annotated[
        str, typer.Option(help="What proposes: auto, tpe, families, gp, cmaes, qmc, random, nsga2.")
    ] = "auto",
    stopping: Annotated[
        Stopping, typer.Option(help="What stops weak trials early.")
    ] = Stopping.asha,
    grace: Grace = None,
    reduction: Reduction = 3,
    brackets: Brackets = 1,
    slots: Slots = None,
    gpus_per_trial: GpusPerTrial = None,
    cpus_per_trial: Annotated[
        float, typer.Option(min=0.01, help="Cores that Ray sets aside for a trial.")
    ] = 1.0,
    keep: Annotated[
        int, typer.Option(min=1, help="Complete trials whose weights stay: the best ones.")
    ] = 10,
    min_free_gb: Annotated[
        float, typer.Option(min=0, help="Free disk space in GB below which no trial begins.")
    ] = 2.0,
    warm_start: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A search whose trials the proposals learn from."),
    ] = None,
    address: Address = None,
    store: Store = None,
    home: Home = None,
    seed: Annotated[int, typer.Option(help="Of the proposals, and of each trial's run.")] = 0,
    floor: Annotated[
        bool, typer.Option("--floor/--no-floor", help="Train the linear model beside the search.")
    ] = True,
) -> None:
    """Try configurations of a search space, stop the weak ones early, and rank the others.

    Ctrl-C lets running trials write their checkpoints; 'resume' goes on from there.
    """
    from search.cluster import resources_at  # Ray and MLflow take seconds to import
    from search.driver import run_search

    budget = [] if epochs is None else [f"training.epochs={epochs}"]
    overrides = parse_overrides([*(assignments or []), *budget])
    resources = resources_at(address, slots, gpus_per_trial, cpus_per_trial)
    limited = trials or hours or gpu_hours or plateau
    plan = Plan(
        name=name,
        data=absolute(data),
        space=space,
        limits=Limits(
            trials=trials if limited else TRIALS,
            hours=hours,
            gpu_hours=gpu_hours,
            plateau=plateau,
            noise=noise,
        ),
        overrides=overrides,
        objectives=ordered(each.value for each in objective or ()),
        sampler=sampler,
        stopping=stopping.value,
        slots=resources.slots,
        gpus_per_trial=resources.gpus_per_trial,
        cpus_per_trial=cpus_per_trial,
        grace=grace,
        reduction=reduction,
        brackets=brackets,
        keep=keep,
        min_free_gb=min_free_gb,
        warm_start=tuple(warm_start or ()),
        seed=seed,
        floor=floor,
        store=(store or "").rstrip("/"),
    )
    folder = home_folder(home)
    _show_end(run_search(plan, folder, resources, out), plan, folder, home)


@app.command(epilog="Next: python -m search status NAME")
def resume(
    name: Name,
    trials: Trials = None,
    hours: Hours = None,
    gpu_hours: GpuHours = None,
    slots: Slots = None,
    gpus_per_trial: GpusPerTrial = None,
    data: Data = None,
    address: Address = None,
    home: Home = None,
) -> None:
    """Go on with a search that was stopped, killed or moved, with more trials or hours if given.

    Interrupted trials go on from their checkpoints. Limits count from the search's beginning.
    """
    from search.cluster import resumed_resources
    from search.driver import resume_search

    folder = home_folder(home)
    plan = read_plan(folder, name)
    resources = resumed_resources(address, plan, slots, gpus_per_trial)
    given = {"trials": trials, "hours": hours, "gpu_hours": gpu_hours}
    more = {key: value for key, value in given.items() if value is not None}
    plan = plan.model_copy(
        update={
            "limits": plan.limits.model_copy(update=more),
            "slots": resources.slots,
            "gpus_per_trial": resources.gpus_per_trial,
            "data": plan.data if data is None else absolute(data),
        }
    )
    _show_end(resume_search(plan, folder, resources, out), plan, folder, home)


app.command("rerun", epilog=rerunning.NEXT)(rerunning.rerun)
app.command("fetch", epilog=retrieving.NEXT)(retrieving.fetch)
app.command("confirm", epilog=confirming.NEXT)(confirming.confirm)
app.command("serve")(serving.serve)


def _show_end(board: "Scoreboard", plan: Plan, folder: Path, home: Path | None) -> None:
    """The best trials, and what to type next."""
    from search.tables import search_table, summary

    name, where = plan.name, f" --home {home}" if home else ""
    out.print(search_table(folder, name, most=BEST))
    out.print(summary(board))
    if board.interrupted or board.count("interrupted"):
        out.print(f"next: python -m search resume {name}{where}")
    else:
        out.print(f"next: python -m ensemble build {name} --data {plan.data} --out DIR{where}")
        out.print(f"      python -m search ui{where}")
    if board.interrupted:
        sys.exit(STOPPED)


@app.command()
def status(name: Name, home: Home = None) -> None:
    """Every trial of a search: how far it is, how good it is, and what it tries."""
    from search.tables import search_table

    out.print(search_table(home_folder(home), name))


@app.command("list")
def list_searches(home: Home = None) -> None:
    """All searches: how far they are and how good their best trial is."""
    from search.tables import searches_table

    folder = home_folder(home)
    names = sorted(path.parent.name for path in folder.glob("*/search.json"))
    if not names:
        out.print(f"no searches in {folder}; start one: python -m search run DATA --name demo")
        return
    out.print(searches_table(folder, [read_plan(folder, name) for name in names]))


@app.command()
def report(
    name: Name,
    page: Annotated[
        Path | None,
        typer.Option(
            "--out", help="The file to write; default: report.html in the search's folder."
        ),
    ] = None,
    home: Home = None,
) -> None:
    """Write one HTML file about a search: curves, parameters, rungs, hours, failures."""
    from search.report.page import write_report  # Ray, optuna and plotly take seconds to import

    out.print(write_report(home_folder(home), name, page))


@app.command(epilog="Next: python -m search run DATA --name NAME")
def doctor(
    data: Annotated[str, typer.Argument(help="The recordings' folder, or a packed store's URI.")],
    home: Home = None,
    address: Annotated[
        str | None,
        typer.Option(help="Ask every node of this Ray cluster: auto, or the head's HOST:PORT."),
    ] = None,
    store: Store = None,
    json: Annotated[Path | None, typer.Option(help="Write the findings here, too.")] = None,
) -> None:
    """Look for what would stop a search, before it costs anything; exit code 1 for problems."""
    from search.doctor.driver import examine
    from search.doctor.table import count, findings_table, summary, write_findings

    with err.status("looking at machines, recordings, storage and records"):
        findings = examine(data, home_folder(home), address, store or "")
    out.print(findings_table(findings))
    out.print(summary(findings, data, home=home, address=address, store=store))
    if json is not None:
        write_findings(json, findings)
    if count(findings, "problem"):
        sys.exit(UNFIT)


@app.command()
def ui(
    port: Annotated[
        int, typer.Option(min=1, max=65535, help="Of the address on this machine.")
    ] = 5000,
    home: Home = None,
) -> None:
    """Serve MLflow's UI on the searches' records, for this machine only; Ctrl-C ends it."""
    folder = home_folder(home)
    mlflow_ui.check(folder, port)
    out.print(f"http://{mlflow_ui.HOST}:{port} in a few seconds; Ctrl-C ends it")
    sys.exit(mlflow_ui.serve(folder, port))
