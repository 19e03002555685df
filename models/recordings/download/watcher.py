"""Who is told how far a download is."""

from typing import Protocol


class Watcher(Protocol):
    """Told from several threads at once, except for `end`."""

    def begin(self, session: str, doing: str, done: int = 0) -> None:
        """Something begins, with `done` bytes that were there before."""

    def at(self, session: str, done: int, total: int | None) -> None:
        """It has come to `done` of `total` bytes; None where nobody knows how many."""

    def note(self, session: str, text: str) -> None:
        """It does not go on for a while, and why."""

    def end(self, session: str, result: str | None) -> None:
        """The session is there, with what was done for it; None where it failed."""
