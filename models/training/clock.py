"""How long an epoch takes, over all processes that train it, and when it was last saved."""

import time


class Clock:
    """Runs from now on, with the seconds that an epoch has taken before."""

    def __init__(self, seconds: float = 0.0) -> None:
        now = time.monotonic()
        self._began, self._saved = now - seconds, now

    @property
    def of_epoch(self) -> float:
        """Seconds of the present epoch."""
        return time.monotonic() - self._began

    @property
    def since_saved(self) -> float:
        """Seconds."""
        return time.monotonic() - self._saved

    def saved(self) -> None:
        """A checkpoint was written."""
        self._saved = time.monotonic()

    def next_epoch(self) -> float:
        """Begin another epoch; the seconds of the last one."""
        seconds = self.of_epoch
        self._began = time.monotonic()
        return seconds
