"""Bars of progress of one model's commands; gone when they are done."""

import contextlib
from collections.abc import Callable, Iterator

from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from models.console import err


@contextlib.contextmanager
def counting() -> Iterator[Callable[[str, int, int], None]]:
    """Yields what long functions call with what they are at, how many are done, and of how many."""
    with _bar(MofNCompleteColumn()) as bar:
        task = bar.add_task("", total=None)
        yield lambda name, done, of: bar.update(task, description=name, completed=done, total=of)


@contextlib.contextmanager
def transferring(total: int) -> Iterator[Callable[[str, int], None]]:
    """Yields what long functions call with what they are at and more bytes of `total` that are done.

    May be called from several threads.
    """
    with _bar(DownloadColumn(), TransferSpeedColumn()) as bar:
        task = bar.add_task("", total=total)
        yield lambda name, more: bar.update(task, description=name, advance=more)


def _bar(*columns: ProgressColumn) -> Progress:
    every = (TextColumn("{task.description}"), BarColumn(), *columns, TimeRemainingColumn())
    # On a pipe a bar that is not shown would still leave an empty line.
    return Progress(*every, console=err, transient=True, disable=not err.is_interactive)
