"""The commands that measure what this room promises."""

from pathlib import Path
from typing import Annotated

import typer

from models.console import err, out

bench = typer.Typer(
    no_args_is_help=True,
    help="Measure what this room promises, each beside the plain way in the same run.\n\n"
    "Times are of this machine and of what else it does: compare ratios.",
)

Json = Annotated[Path | None, typer.Option("--json", help="Also write the figures to this file.")]


@bench.callback()
def _parts() -> None:
    """Keep the part's name in the command, though there is only one."""


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
    from models.bench.figure import figure_table, write_figures
    from search.bench.overhead import PROMISES, Size, bench_overhead

    with err.status(f"running {trials + warm_up} trivial trials twice"):
        measured = bench_overhead(Size(trials, warm_up, past))
    title = f"overhead: {trials} trivial trials on two slots, proposals from {past:,} trials"
    out.print(figure_table(title, measured.figures, PROMISES))
    for line in measured.lines():
        out.print(line)
    first = measured.figures[0]
    out.print(f"{first.machine}; commit {first.commit}")
    if json is not None:
        write_figures(json, measured.figures)
