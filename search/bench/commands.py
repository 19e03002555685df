"""The commands that measure what this room promises."""

from pathlib import Path
from typing import Annotated

import typer

from models.console import err
from search.options import STOPPED

bench = typer.Typer(
    no_args_is_help=True,
    help="Measure what this room promises, each beside the plain way in the same run.\n\n"
    "Times are of this machine and of what else it does: compare ratios.",
)

Json = Annotated[Path | None, typer.Option("--json", help="Also write the figures to this file.")]


@bench.command()
def overhead(
    json: Json = None,
    trials: Annotated[int, typer.Option(min=2, help="Trivial trials that are measured.")] = 200,
    warm_up: Annotated[int, typer.Option(min=2, help="Trivial trials before them.")] = 100,
    past: Annotated[int, typer.Option(min=1, help="Trials that proposals are made from.")] = 1000,
) -> None:
    """Measure a search of trials that train nothing against bare Ray Tune; a minute or two.

    Both run on two slots of a Ray of their own. Proposals are compared with plain Optuna's.
    """
    from models.bench.figure import figure_table, show
    from search.bench.overhead import PROMISES, Size, bench_overhead

    with err.status(f"running {trials + warm_up} trivial trials twice"):
        measured = bench_overhead(Size(trials, warm_up, past))
    title = f"overhead: {trials} trivial trials on two slots, proposals from {past:,} trials"
    table = figure_table(title, measured.figures, PROMISES)
    show(table, measured.figures, measured.lines(), json)


@bench.command()
def quality(
    json: Json = None,
    seeds: Annotated[
        int | None, typer.Option(min=1, help="Of each strategy; default: the recipe's 3.")
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(min=0.01, help="Of processor time to train in; default: the recipe's 10."),
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Strategies at a time, a core each.")] = 1,
    folder: Annotated[
        Path | None,
        typer.Option(help="Keeps everything; finished strategies are not run again."),
    ] = None,
) -> None:
    """Measure whether a search finds better models than random draws, or than one configuration.

    Hours: three strategies of equal minutes, each with some seeds, on generated recordings.
    """
    from models.bench.figure import show
    from search.bench.outcomes import figures, quality_table, verdicts
    from search.bench.quality import bench_quality
    from search.bench.recipe import read_recipe

    given = {"seeds": seeds, "minutes": minutes}
    changed = {name: value for name, value in given.items() if value is not None}
    recipe = read_recipe().model_copy(update=changed)
    try:
        results = bench_quality(recipe, jobs, folder, err.print)
    except KeyboardInterrupt as error:
        err.print("stopped; with --folder the same command goes on from here")
        raise typer.Exit(STOPPED) from error
    table = quality_table(results, recipe.minutes)
    show(table, figures(results), verdicts(results), json)


@bench.command()
def cluster(
    json: Json = None,
    trials: Annotated[
        int, typer.Option(min=1, help="Sleeping trials of twenty seconds, for each node.")
    ] = 10,
    trivial: Annotated[int, typer.Option(min=16, help="Trials for the driver's memory.")] = 1000,
) -> None:
    """Measure how a search scales over declared nodes, and what the loss of one costs; 20 minutes."""
    from models.bench.figure import figure_table, show
    from search.bench.cluster import PROMISES, Size, bench_cluster

    with err.status("running searches on one, two and four declared nodes"):
        measured = bench_cluster(Size(trials, trivial))
    title = "cluster: nodes declared on this machine, trials that sleep or do nothing"
    table = figure_table(title, measured.figures, PROMISES)
    show(table, measured.figures, measured.lines(), json)
