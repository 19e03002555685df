"""`python -m search`: start a search, see how searches stand."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from models.console import out
from models.runs import home_folder
from search import ui as mlflow_ui
from search.checks import parse_overrides
from search.plan import Plan, read_plan
from search.reading import shipped_spaces

BEST = 5
"""Trials in the table at the end of a search."""
STOPPED = 130
"""Exit code after Ctrl-C."""

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Search for models of recordings: many runs, the weak ones stopped early.",
    epilog="Next: python -m search run DATA --name demo --trials 8",
)
Home = Annotated[
    Path | None,
    typer.Option(help="Where searches are kept; default: $SENSORIUM_HOME, else ./searches."),
]
Name = Annotated[str, typer.Argument(help="The search's name; 'python -m search list' shows all.")]


@app.command(epilog="Next: python -m search status NAME, and python -m search ui")
def run(
    data: Annotated[Path, typer.Argument(help="The folder with the recording sessions.")],
    name: Annotated[str, typer.Option(help="A new name for this search.")],
    space: Annotated[
        str, typer.Option(help=f"{', '.join(shipped_spaces())}, or a YAML file.")
    ] = "demo",
    trials: Annotated[int, typer.Option(help="Configurations to try.")] = 20,
    epochs: Annotated[
        int | None, typer.Option(help="Full budget of a run, instead of the space's.")
    ] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Fix a name, such as training.batch_size=8."
        ),
    ] = None,
    grace: Annotated[
        int | None,
        typer.Option(min=1, help="Epochs that every trial may train; default: a seventh of all."),
    ] = None,
    reduction: Annotated[
        float, typer.Option(min=1.1, help="One trial in so many goes on after the grace epochs.")
    ] = 3.0,
    slots: Annotated[
        int | None, typer.Option(help="Trials at a time; default: what GPUs or cores allow.")
    ] = None,
    gpus_per_trial: Annotated[
        float | None,
        typer.Option(help="0.5 puts two trials on a GPU; default: 1 if there are any."),
    ] = None,
    home: Home = None,
    seed: Annotated[int, typer.Option(help="Of the proposals, and of each trial's run.")] = 0,
    floor: Annotated[
        bool, typer.Option("--floor/--no-floor", help="Train the linear model beside the search.")
    ] = True,
) -> None:
    """Try configurations of a search space, stop the weak ones early, and rank the others."""
    from search.driver import run_search  # Ray and MLflow take seconds to import
    from search.resources import choose_resources
    from search.tables import search_table, summary

    overrides = parse_overrides([*(assignments or []), *_epochs(epochs)])
    resources = choose_resources(slots, gpus_per_trial)
    plan = Plan(
        name=name,
        data=data.resolve(),
        space=space,
        trials=trials,
        overrides=overrides,
        slots=resources.slots,
        gpus_per_trial=resources.gpus_per_trial,
        grace=grace,
        reduction=reduction,
        seed=seed,
        floor=floor,
    )
    folder = home_folder(home)
    board = run_search(plan, folder, resources, out)
    out.print(search_table(folder, name, most=BEST))
    out.print(summary(board))
    where = f" --home {home}" if home else ""
    out.print(f"next: python -m ensemble build {name} --data {data} --out DIR{where}")
    out.print(f"      python -m search ui{where}")
    if board.interrupted:
        sys.exit(STOPPED)


def _epochs(epochs: int | None) -> list[str]:
    return [] if epochs is None else [f"training.epochs={epochs}"]


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
