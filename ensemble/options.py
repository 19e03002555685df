"""What the commands share: options, and how verdicts are printed."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from models.console import out as console

if TYPE_CHECKING:
    from ensemble.checks.verdict import Report

REFUSED = 1
"""Exit code where the server would not take a file."""

Data = Annotated[
    str, typer.Option(help="The folder with the recording sessions, or a packed store's URI.")
]
Mice = Annotated[
    list[str] | None,
    typer.Option(help="A scored mouse, repeatable; default: the five new ones, else all."),
]
Truth = Annotated[
    Path | None,
    typer.Option(help="Truth of generated recordings, to score with; default: DATA.truth."),
]


def print_reports(reports: "Sequence[Report]") -> None:
    """The lines of each verdict."""
    from ensemble.verdicts import lines

    for report in reports:
        for line in lines(report):
            console.print(escape(line))
