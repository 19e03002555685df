"""The commands that measure what this room promises."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from models.commands.common import Device, resumable
from models.console import err

bench = typer.Typer(
    no_args_is_help=True,
    help="Measure what this room promises, each beside the plain way in the same run.\n\n"
    "Times are of this machine and of what else it does: compare ratios.",
)

Json = Annotated[Path | None, typer.Option("--json", help="Also write the figures to this file.")]
BenchType = Literal["float64", "float32"]


@bench.command()
def recordings(
    json: Json = None,
    trials: Annotated[int, typer.Option(min=1, help="Trials of the generated session.")] = 60,
    neurons: Annotated[int, typer.Option(min=1, help="Its neurons.")] = 7863,
    dtype: Annotated[BenchType, typer.Option(help="The type of its files.")] = "float64",
    folder: Annotated[
        Path | None, typer.Option(help="Where it is written for the time; the system's by default.")
    ] = None,
) -> None:
    """Measure the packed store against reading and copying whole files."""
    from models.bench.figure import figure_table, show
    from models.bench.recordings import PROMISES, Size, bench_recordings

    size = Size(neurons=neurons, trials=trials, dtype=dtype)
    with err.status(f"measuring on a generated session of {size.bytes / 1e9:.1f} GB"):
        figures = bench_recordings(size, folder)
    title = f"recordings: {trials} trials x {size.frames} frames x {neurons} neurons, {dtype}"
    show(figure_table(title, figures, PROMISES), figures, json=json)


@bench.command()
def training(
    json: Json = None,
    batch: Annotated[int, typer.Option(min=1, help="Clips of a step on the CPU.")] = 8,
    steps: Annotated[
        int, typer.Option(min=1, help="Timed steps of each way, three times in turns.")
    ] = 1,
    device: Annotated[
        Literal["all", "cpu", "cuda"], typer.Option(help="Where; all is the CPU, and a GPU if any.")
    ] = "all",
) -> None:
    """Measure a full-size training step against the plain one; some minutes on a CPU.

    The plain step computes the readouts of all ten mice for every clip.
    """
    from models.bench.figure import figure_table, show
    from models.bench.stepping import Size
    from models.bench.training import GPU_BATCH, PROMISES, bench_training

    size = Size(batch=batch, steps=steps)
    with err.status(f"measuring steps of {batch} clips with {len(size.neurons)} mice"):
        figures = bench_training(size, where=device)
    sizes = f"{batch} clips a step on the CPU, {GPU_BATCH} on a GPU"
    title = f"training: DwiseNeuro with {len(size.neurons)} mice, {sizes}"
    show(figure_table(title, figures, PROMISES), figures, json=json)


@bench.command()
def inference(
    json: Json = None,
    neurons: Annotated[int, typer.Option(min=1, help="Neurons that are predicted.")] = 7863,
    frames: Annotated[int, typer.Option(min=31, help="Frames of the trial.")] = 300,
    device: Device = "auto",
) -> None:
    """Measure predictions in batches of windows against one window at a time.

    DwiseNeuro is of the winner's size on a GPU and small on a CPU, where it takes some minutes.
    """
    from models.bench.figure import figure_table, show
    from models.bench.inference import PROMISES, Size, bench_inference

    size = Size.fitting(neurons, frames, device)
    with err.status(f"predicting a trial of {frames} frames"):
        figures = bench_inference(size)
    blocks = len(size.network.core_features)
    title = f"inference: DwiseNeuro of {blocks} blocks, {frames} frames x {neurons} neurons"
    show(figure_table(title, figures, PROMISES), figures, json=json)


@bench.command()
def families(
    json: Json = None,
    family: Annotated[
        list[str] | None, typer.Option(help="A family, again for more; all by default.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Runs of each family.")] = 3,
    jobs: Annotated[int, typer.Option(min=1, help="Runs at a time, a core each.")] = 2,
    folder: Annotated[
        Path | None,
        typer.Option(help="Keeps recordings and runs; finished ones are not trained again."),
    ] = None,
) -> None:
    """Measure which share of the ceiling every family reaches beside the linear-nonlinear floor.

    Small configurations on generated recordings, in raw units; about 20 CPU-minutes a family.
    """
    from models.bench.families import Plan, bench_families, family_table, figures
    from models.bench.figure import show

    with resumable():
        results = bench_families(Plan.read(), family or [], seeds, jobs, folder, err.print)
    show(family_table(results), figures(results), json=json)
