"""The command about models that were trained elsewhere: import-winner."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from models.commands.common import DataOption
from models.console import out


def import_winner(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE", help="Checkpoints model-<epoch>-<score>.pth.")
    ],
    to: Annotated[Path, typer.Option(help="The run's folder; several files are TO/0, TO/1, ...")],
    data: DataOption,
    mice: Annotated[
        str | None,
        typer.Option(help="The session of each readout, in the file's order: NAME,NAME,..."),
    ] = None,
) -> None:
    """Make run folders of the competition winner's published checkpoints.

    They predict and are scored like runs that were trained here. Which trials they held out is not
    known, so that they have no held-out predictions.

    Next: python -m models score TO --data DATA.
    """
    from models.fetching import fetched
    from models.imports import import_checkpoints

    made = import_checkpoints(files, to, fetched(data), None if mice is None else mice.split(","))
    for each in made:
        epoch, score = each.checkpoint.epoch, each.checkpoint.score
        claim = "nothing" if score is None else f"epoch {epoch} and score {score:.4f}"
        out.print(escape(f"{each.run.path}: {each.checkpoint.path}, whose name claims {claim}"))
        if each.dropped:
            told = ", ".join(each.dropped)
            out.print(escape(f"  without the readouts of mice that {data} lacks: {told}"))
    out.print(escape(f"next: python -m models score {made[0].run.path} --data {data}"))
