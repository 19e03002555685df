"""The line of progress: one that changes on a terminal, now and then a new one on a pipe."""

import time
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.text import Text

from search.ledger import Ledger, gpu_hours, wall_hours
from search.limits import Limits
from search.machine import Machine
from search.scoreboard import Row, Scoreboard

QUIET_SECONDS = 15.0
"""On a pipe, a line appears when a trial ends, and else at most once in so many seconds."""


def line(board: Scoreboard) -> str:
    """How the search stands, in words."""
    asked = f"/{board.trials}" if board.trials else ""
    parts = [f"{board.settled}{asked} trials", f"{board.count('running')} running"]
    parts += [f"{board.count('interrupted')} to go on"] if board.count("interrupted") else []
    parts += [f"{board.count('pruned')} stopped early"] if board.count("pruned") else []
    parts += [f"{board.count('failed')} failed"] if board.count("failed") else []
    parts += [_best(board)] if board.leader() else []
    parts += [_floor(board)] if board.floor else []
    return " · ".join([*parts, duration(board.seconds)])


def used(ledger: Ledger, limits: Limits, machine: Machine) -> str:
    """What of the budgets is used, and how busy the GPUs are; nothing where there is neither."""
    stretches, parts = ledger.stretches, []
    if ledger.gpus or limits.gpu_hours:
        budget = f" of {limits.gpu_hours:g}" if limits.gpu_hours else ""
        parts.append(f"{gpu_hours(stretches):.1f}{budget} GPU-hours")
    if limits.hours:
        left = max(limits.hours - wall_hours(stretches), 0)
        parts.append(f"{duration(3600 * left)} left")
    if machine.gpu_use is not None and ledger.gpus:
        parts.append(f"GPUs {machine.gpu_use:.0f} % busy")
    return " · ".join(parts)


def ended(row: Row) -> str:
    """One line about a trial that has ended."""
    words = {"complete": "complete", "pruned": "stopped early", "failed": "failed"}
    score = "" if row.score is None else f", {row.score:.3f}"
    reason = f": {row.reason}" if row.state == "failed" else ""
    state = words.get(row.state, row.state)
    return f"trial {row.number} ({row.family}) {state} at epoch {row.epoch}/{row.epochs}{score}{reason}"


def _best(board: Scoreboard) -> str:
    """The best complete trial; before there is one, who leads, and how far it is."""
    ranked, leader = board.ranked(), board.leader()
    if ranked:
        return f"best {ranked[0].score:.3f} (trial {ranked[0].number}, {ranked[0].family})"
    assert leader is not None
    place = f"trial {leader.number}, {leader.family}, epoch {leader.epoch}/{leader.epochs}"
    return f"leading {leader.score:.3f} ({place})"


def _floor(board: Scoreboard) -> str:
    status = board.floor
    if status is None or status.score is None or status.state != "complete":
        return "floor failed"
    return f"floor {status.score:.3f}"


def duration(seconds: float) -> str:
    """1h02m, 3m04s or 5s."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes:02}m"
    return f"{minutes}m{rest:02}s" if minutes else f"{rest}s"


class Progress:
    """Shows the line while a search runs; a context manager."""

    def __init__(
        self,
        console: Console,
        board: Scoreboard,
        ledger: Ledger,
        limits: Limits,
        machine: Machine,
    ) -> None:
        self.console, self.board = console, board
        self.ledger, self.limits, self.machine = ledger, limits, machine
        self.waiting = False
        """Whether trials wait for disk space."""
        self._live = Live(
            console=console, transient=True, refresh_per_second=4, get_renderable=self._text
        )
        self._printed = time.monotonic()

    def __enter__(self) -> "Progress":
        if self.console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()

    def _text(self) -> Text:
        words = [line(self.board), used(self.ledger, self.limits, self.machine)]
        words += ["waiting for disk space"] if self.waiting else []
        # Two lines on a narrow terminal rather than half of it.
        return Text(" · ".join(filter(None, words)))

    def tell_end(self, row: Row) -> None:
        """Say that a trial has ended; on a pipe, how the search stands with it."""
        self.tell(ended(row))
        if not self.console.is_terminal:
            self._print_line()

    def tell(self, message: str) -> None:
        """Print a line of its own."""
        self.console.print(Text(message))

    def tick(self) -> None:
        """On a pipe, print the line if there was none for a while."""
        if not self.console.is_terminal and time.monotonic() - self._printed >= QUIET_SECONDS:
            self._print_line()

    def _print_line(self) -> None:
        self._printed = time.monotonic()
        self.console.print(self._text())
