"""The command that makes submission files."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.markup import escape

from ensemble.commands.copying import tell
from ensemble.naming import Scheme
from ensemble.options import REFUSED, Data, Mice, Truth, print_reports
from models.console import out as console
from models.remote import Remote
from models.runs import home_folder

Rule = Literal["mean", "single", "top", "greedy", "bagged", "simplex", "per-mouse", "per-neuron"]
FREE = {"data", "out", "manifest", "truth", "device"} | {
    *("address", "workers", "gpus_per_worker", "resident", "store", "copy_to"),
}
"""Options that may be given with --manifest."""


def build(
    context: typer.Context,
    data: Data,
    out: Annotated[Path, typer.Option(help="The folder for files, zips and manifest.json.")],
    searches: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", help="Searches; 'python -m search list' shows all."),
    ] = None,
    runs: Annotated[
        list[Path] | None, typer.Option("--run", help="A run folder, repeatable.")
    ] = None,
    query: Annotated[
        str | None,
        typer.Option(help="Trials that MLflow finds, such as \"params.network.family = 'swin'\"."),
    ] = None,
    added: Annotated[
        list[Path] | None,
        typer.Option(
            "--with", help="An imported run, averaged in without being chosen, repeatable."
        ),
    ] = None,
    unconfirmed: Annotated[
        bool,
        typer.Option(
            "--unconfirmed", help="Also trials that 'python -m search confirm' did not confirm."
        ),
    ] = False,
    manifest: Annotated[
        Path | None,
        typer.Option(help="Make the files of this manifest.json again, byte for byte."),
    ] = None,
    home: Annotated[
        Path | None,
        typer.Option(help="Where searches are kept; default: $SENSORIUM_HOME, else ./searches."),
    ] = None,
    rule: Annotated[
        Rule | None,
        typer.Option(help="How to weight members; default: the simplest as good as the best."),
    ] = None,
    pool: Annotated[int, typer.Option(min=1, help="Choose among the best so many.")] = 20,
    top: Annotated[int, typer.Option(min=1, help="Members at most.")] = 10,
    max_mb: Annotated[
        float | None, typer.Option(min=0, help="Megabytes of all members' weights, at most.")
    ] = None,
    max_gflop: Annotated[
        float | None, typer.Option(min=0, help="GFLOP of predicting one trial, at most.")
    ] = None,
    mice: Mice = None,
    names: Annotated[
        Scheme, typer.Option(help="'current' are the OOD names that organisers ask for today.")
    ] = "user",
    frames: Annotated[
        Literal[249, 250], typer.Option(help="Values of a trial of 300 frames.")
    ] = 249,
    trial_indices: Annotated[
        Literal["int", "file"], typer.Option(help="Write trials as 1 or as '1.npy'.")
    ] = "int",
    float32: Annotated[bool, typer.Option("--float32", help="Half the size.")] = False,
    mantissa_bits: Annotated[
        int | None,
        typer.Option(min=1, help="Round values; 10 makes files less than half as large."),
    ] = None,
    normalise: Annotated[
        bool, typer.Option(help="Multiply by the precision of the responses, as the server does.")
    ] = True,
    truth: Truth = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, ...")] = "auto",
    address: Annotated[
        str | None,
        typer.Option(help="Predict on a Ray cluster: auto, HOST:PORT, or local to start one here."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes that predict; default: as many as fit.")
    ] = None,
    gpus_per_worker: Annotated[
        float | None,
        typer.Option(help="0.5 puts two on a GPU; default: 1 if the cluster has any."),
    ] = None,
    resident: Annotated[
        bool | None,
        typer.Option(
            "--resident/--one-at-a-time",
            help="Keep all networks in memory, or only the one that predicts; default: what fits.",
        ),
    ] = None,
    store: Annotated[
        str | None,
        typer.Option(
            help="Of a cluster that shares no folder: where parts are kept, such as s3://bucket/work; "
            "default: $SENSORIUM_STORE."
        ),
    ] = None,
    copy_to: Annotated[
        str | None,
        typer.Option(help="Also copy what is made here, such as s3://bucket/submissions/august."),
    ] = None,
) -> None:
    """Choose members and weights, average their predictions, write and check the submission files."""
    from ensemble import build as building  # torch takes seconds to import
    from ensemble.asking import Sources, check_alone, options_of
    from ensemble.chosen import Wanted
    from ensemble.copying import copy_submission
    from ensemble.manifest import Manifest
    from ensemble.predicting.workers import Workers
    from ensemble.stores import check_writable, store_for
    from models.fetching import fetched

    target = None if copy_to is None else Remote.parse(copy_to)
    if target is not None:
        check_writable(target)
    spread = Workers(address, workers, gpus_per_worker, store_for(store, address))
    options = building.Options(
        data=fetched(data),
        out=out,
        wanted=Wanted(pool, top, rule, max_mb, max_gflop),
        mice=tuple(mice) if mice else None,
        scheme=names,
        frames=frames,
        trial_indices=trial_indices,
        dtype="float32" if float32 else "float64",
        mantissa_bits=mantissa_bits,
        normalise=normalise,
        truth=truth,
        device=device,
        workers=spread,
        resident=resident,
    )
    if manifest is not None:
        check_alone(_given(context))
        known = Manifest.read(manifest)
        built = building.rebuild(known, options_of(known, options), console)
    else:
        asked = Sources(
            home_folder(home), searches or [], runs or [], query, added or [], unconfirmed
        )
        built = building.build(asked.candidates(), options, console)
    print_reports(built.reports)
    if not built.ok:
        place = escape(str(out / building.UNCHECKED))
        console.print(f"nothing was replaced; the files that were refused lie in {place}")
        sys.exit(REFUSED)
    console.print(f"to upload:  {', '.join(escape(str(path)) for path in built.zips)}")
    console.print(f"made of:    {escape(str(built.manifest))}")
    console.print(f"to look at: {escape(str(built.page))}")
    if target is not None:
        tell(copy_submission(out, target), target)


def _given(context: typer.Context) -> list[str]:
    """The options on the command line that --manifest does not allow."""
    given = []
    for parameter in context.command.params:
        source = context.get_parameter_source(str(parameter.name))
        typed = source is not None and source.name == "COMMANDLINE"
        if typed and parameter.name not in FREE:
            given.append(parameter.opts[0])
    return given
