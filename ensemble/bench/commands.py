"""The commands that measure what this room promises."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from models.console import err

if TYPE_CHECKING:
    from ensemble.bench.measured import Measured

bench = typer.Typer(
    no_args_is_help=True,
    help="Measure what this room promises, each beside the plain way in the same run.\n\n"
    "Times are of this machine and of what else it does: compare ratios.",
)

Json = Annotated[Path | None, typer.Option("--json", help="Also write the figures to this file.")]
Folder = Annotated[
    Path | None,
    typer.Option(help="Where files are written for the time; the system's by default."),
]
Share = Annotated[
    float, typer.Option(min=0.0001, max=1, help="Of the neurons; 1 is the competition's size.")
]


@bench.command()
def write(json: Json = None, share: Share = 1.0, folder: Folder = None) -> None:
    """Measure writing a submission file against pandas with nested lists; some minutes.

    A slice of 8 trials both ways, then a whole live_main file of 4 GB, whose rows are made on the fly.
    """
    from ensemble.bench.writing import PROMISES, bench_writing

    with err.status("writing a slice both ways, then a whole file"):
        measured = bench_writing(share, folder)
    _show("write: live_main, 5 mice, 289 trials", measured, PROMISES, json)


@bench.command()
def select(
    json: Json = None,
    members: Annotated[int, typer.Option(min=1, help="To choose from.")] = 20,
    neurons: Annotated[int, typer.Option(min=1, help="That they predict.")] = 2000,
    frames: Annotated[int, typer.Option(min=2, help="That they predict.")] = 8000,
    share: Share = 1.0,
    folder: Folder = None,
) -> None:
    """Measure greedy selection on moments against scoring all predictions anew; some minutes.

    Then the memory that moments of 50 members and a full-size mouse take; --share is of its neurons.
    """
    from ensemble.bench.selecting import PROMISES, Size, bench_selecting

    size = Size(members, neurons, frames)
    with err.status(f"choosing from {members} members, then collecting moments"):
        measured = bench_selecting(size, share, folder)
    title = (
        f"select: {size.steps} steps, {members} members x {neurons:,} neurons x {frames:,} frames"
    )
    _show(title, measured, PROMISES, json)


@bench.command()
def check(json: Json = None, share: Share = 1.0, folder: Folder = None) -> None:
    """Measure the memory of checking a whole live_main file of 4 GB; some minutes."""
    from ensemble.bench.checking import PROMISES, bench_checking

    with err.status("writing a whole file, then checking it"):
        measured = bench_checking(share, folder)
    _show("check: live_main, 5 mice, 289 trials", measured, PROMISES, json)


def _show(title: str, measured: "Measured", promises: Mapping[str, str], json: Path | None) -> None:
    """Print a part's table and lines, and write its figures where that is asked."""
    from models.bench.figure import figure_table, show

    show(figure_table(title, measured.figures, promises), measured.figures, measured.lines(), json)
