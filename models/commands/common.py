"""What several commands share: arguments, exit codes, how they end."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from models.console import err
from models.errors import Problem

PLACE = "The folder that holds the sessions, or the URI of a packed store."
Folder = Annotated[Path, typer.Argument(metavar="DATA", help="The folder that holds the sessions.")]
Data = Annotated[str, typer.Argument(help=PLACE)]
DataOption = Annotated[str, typer.Option("--data", help=PLACE)]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:<n>.")]
UNSOUND, INTERRUPTED = 1, 130


@contextlib.contextmanager
def resumable() -> Iterator[None]:
    """Say what a command that is interrupted leaves."""
    try:
        yield
    except KeyboardInterrupt as error:
        err.print("stopped; the same command goes on from here")
        raise typer.Exit(INTERRUPTED) from error


def end_with(problems: Sequence[Problem], remedy: str) -> None:
    """Print problems, if there are any, and end the command."""
    for problem in problems:
        err.print(f"[red]problem:[/] {escape(str(problem))}")
    if problems:
        err.print(f"{len(problems)} found. {escape(remedy)}")
        raise typer.Exit(UNSOUND)
