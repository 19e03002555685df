"""Ctrl-C and SIGTERM: they end a search in order, and never in the middle of a record."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType


class Flag:
    """Whether the search is to end: gently, when trials have written their checkpoints, or at once."""

    def __init__(self) -> None:
        self.raised = False
        """Nothing new begins any more, and running trials pause."""
        self.on_raise: Callable[[], None] = lambda: None
        """Called once, when the flag is raised."""
        self._writing = 0
        self._exit: int | None = None

    def raise_gently(self) -> None:
        """Begin to end."""
        if not self.raised:
            self.raised = True
            self.on_raise()

    def leave(self, code: int) -> None:
        """Raise SystemExit, now or where the record under way ends."""
        self.raised = True
        self._exit = code
        self._leave_if_free()

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """A record under way: an exit raised in it would leave it half written."""
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
    """Ctrl-C raises the flag gently, a second one leaves at once, and a third one acts as ever.

    SIGTERM leaves at once: it often comes to Ray's processes too, after which a call to them hangs for
    a minute and then ends this process. It leaves by SystemExit, while the records can be closed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # signals reach the main thread alone
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def stop(number: int, _: FrameType | None) -> None:
        if number == signal.SIGINT and not flag.raised:
            flag.raise_gently()
            return
        restore()
        flag.leave(128 + number)

    for number in before:
        signal.signal(number, stop)
    try:
        yield
    finally:
        restore()
