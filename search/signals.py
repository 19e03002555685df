"""Ctrl-C and SIGTERM: they end a search in order, and never in the middle of a record."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

from ray.tune import Stopper


class Flag(Stopper):
    """Stops the search in order once it is raised."""

    def __init__(self) -> None:
        self.raised = False
        self._writing = 0
        self._exit: int | None = None

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:  # noqa: ARG002
        """No trial is stopped for its result."""
        return False

    def stop_all(self) -> bool:
        """Whether the search is to end now."""
        return self.raised

    def leave(self, code: int) -> None:
        """Raise SystemExit, now or where the record under way ends."""
        self._exit = code
        self._leave_if_free()

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """A record under way: an exit raised in it would keep MLflow's and Optuna's databases locked."""
        self._writing += 1
        try:
            yield
        finally:
            self._writing -= 1
            self._leave_if_free()

    def _leave_if_free(self) -> None:
        if self._exit is not None and not self._writing:
            code, self._exit = self._exit, None
            raise SystemExit(code)


@contextlib.contextmanager
def raised_by_signals(flag: Flag) -> Iterator[None]:
    """Ctrl-C raises the flag, on which Tune stops in order; a second one acts as ever.

    SIGTERM often comes to Ray's processes too, after which a call to them hangs for a minute and then
    ends this process: so it leaves Tune at once, by SystemExit, while the records can be closed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # signals reach the main thread alone
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def stop(number: int, _: FrameType | None) -> None:
        flag.raised = True
        restore()
        if number == signal.SIGTERM:
            flag.leave(128 + number)

    for number in before:
        signal.signal(number, stop)
    try:
        yield
    finally:
        restore()
