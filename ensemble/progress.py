"""How far predicting is: a bar on a terminal, a line now and then on a pipe."""

import contextlib
import time
from collections.abc import Callable, Iterator

import rich.progress as bars
from rich.console import Console

QUIET_SECONDS = 15.0
"""On a pipe, a tier's progress is told at most once in so many seconds."""


class Progress:
    """Tells about one tier after the other."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def tell(self, message: str) -> None:
        """Print a line."""
        self.console.print(message, markup=False)

    @contextlib.contextmanager
    def over(self, tier: str, trials: int) -> Iterator[Callable[[int], None]]:
        """Yield what is to be told each number of trials that is done; a line is left at the end."""
        began = time.monotonic()
        with (
            self._bar(tier, trials)
            if self.console.is_terminal
            else self._lines(tier, trials) as each
        ):
            yield each
        seconds = time.monotonic() - began
        self.console.print(f"{tier}: {trials} trials in {seconds:.1f} s")

    @contextlib.contextmanager
    def _bar(self, tier: str, trials: int) -> Iterator[Callable[[int], None]]:
        columns = (bars.TextColumn(tier), bars.BarColumn(), bars.MofNCompleteColumn())
        rest = bars.TimeRemainingColumn()
        with bars.Progress(*columns, rest, console=self.console, transient=True) as shown:
            task = shown.add_task(tier, total=trials)
            yield lambda trials: shown.advance(task, trials)

    @contextlib.contextmanager
    def _lines(self, tier: str, trials: int) -> Iterator[Callable[[int], None]]:
        told, done = time.monotonic(), 0

        def advance(more: int) -> None:
            nonlocal told, done
            done += more
            if time.monotonic() - told >= QUIET_SECONDS:
                told = time.monotonic()
                self.console.print(f"{tier}: {done}/{trials} trials")

        yield advance
