"""The command that measures what this room promises."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from models.console import err, out

BenchPart = Literal["recordings"]
BenchType = Literal["float64", "float32"]


def bench(
    part: Annotated[BenchPart, typer.Argument(help="What is measured.")] = "recordings",
    json: Annotated[Path | None, typer.Option(help="Also write the figures to this file.")] = None,
    trials: Annotated[int, typer.Option(min=1, help="Trials of the generated session.")] = 60,
    neurons: Annotated[int, typer.Option(min=1, help="Its neurons.")] = 7863,
    dtype: Annotated[BenchType, typer.Option(help="The type of its files.")] = "float64",
    folder: Annotated[
        Path | None, typer.Option(help="Where it is written for the time; the system's by default.")
    ] = None,
) -> None:
    """Measure what this part of the project promises, each beside the plain way in the same run.

    Times are of this machine and of what else it does: compare ratios.
    """
    from models.bench.figure import figure_table, write_figures
    from models.bench.recordings import PROMISES, Size, bench_recordings

    size = Size(neurons=neurons, trials=trials, dtype=dtype)
    with err.status(f"measuring on a generated session of {size.bytes / 1e9:.1f} GB"):
        figures = bench_recordings(size, folder)
    title = f"{part}: {trials} trials x {size.frames} frames x {neurons} neurons, {dtype}"
    out.print(figure_table(title, figures, PROMISES))
    out.print(f"{figures[0].machine}; commit {figures[0].commit}")
    if json is not None:
        write_figures(json, figures)
