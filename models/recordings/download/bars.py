"""A bar for every session that is worked on, and a line for every one that is there."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import rich.progress as bars
from rich.console import Console
from rich.markup import escape

from models.recordings.download.catalogue import MOUSE


@dataclass
class _Bar:
    task: bars.TaskID
    doing: str


class Bars:
    """Shows bars, if their console is a terminal, and prints lines on `out`."""

    def __init__(self, progress: bars.Progress, out: Console) -> None:
        self._progress, self._out = progress, out
        self._shown: dict[str, _Bar] = {}

    def begin(self, session: str, doing: str, done: int = 0) -> None:
        """Show a new bar, whose speed does not count what is done already."""
        self._remove(session)
        name = escape(MOUSE.get(session, session))
        task = self._progress.add_task(name, completed=done, total=None, doing=doing)
        self._shown[session] = _Bar(task, doing)

    def at(self, session: str, done: int, total: int | None) -> None:
        """Move the bar, and say again what is done if that was not to be seen for a while."""
        bar = self._shown[session]
        self._progress.update(bar.task, completed=done, total=total, doing=bar.doing)

    def note(self, session: str, text: str) -> None:
        """Show what is waited for in the place of what is done."""
        self._progress.update(self._shown[session].task, doing=escape(text))

    def end(self, session: str, result: str | None) -> None:
        """Remove the bar; the other bars make way while the line is printed."""
        self._remove(session)
        if result is not None:
            line = f"{escape(session)}: {escape(result)}"
            with _hidden(self._progress):
                self._out.print(line)

    def _remove(self, session: str) -> None:
        if bar := self._shown.pop(session, None):
            self._progress.remove_task(bar.task)


@contextlib.contextmanager
def shown(out: Console, err: Console) -> Iterator[Bars]:
    """Yield bars on `err` that are gone at the end; on a pipe there are none."""
    columns = (
        bars.TextColumn("{task.description} {task.fields[doing]}"),
        bars.BarColumn(),
        bars.DownloadColumn(),
        bars.TransferSpeedColumn(),
        bars.TimeRemainingColumn(),
    )
    progress = bars.Progress(*columns, console=err, transient=True)
    _start(progress)
    try:
        yield Bars(progress, out)
    finally:
        _stop(progress)


@contextlib.contextmanager
def _hidden(progress: bars.Progress) -> Iterator[None]:
    _stop(progress)
    yield
    _start(progress)


def _start(progress: bars.Progress) -> None:
    if progress.console.is_interactive:
        progress.start()


def _stop(progress: bars.Progress) -> None:
    if progress.console.is_interactive:  # else an empty line would be left
        progress.stop()
