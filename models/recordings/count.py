"""How far a long function is over several sessions, told to whoever shows it."""

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Called with a session's name, what is done so far and what there is in all, over all sessions."""


class Count:
    """Counts to `total` and tells `progress`."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self.total, self.progress, self.done = total, progress, 0

    def of(self, session: str) -> Callable[[], None]:
        """What is called for each thing done for a session."""

        def one_more() -> None:
            self.done += 1
            if self.progress:
                self.progress(session, self.done, self.total)

        return one_more
