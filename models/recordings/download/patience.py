"""How often and how long a server is tried."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_exponential,
)

from models.recordings.download.failures import Stopped, TryAgain

QUESTIONS = 4
"""Tries at most to learn what a server has."""
LONGEST_WISH = 600.0
"""Seconds to which a server's own wish to be left alone is granted."""


@dataclass(frozen=True)
class Patience:
    """Tries without progress, and seconds: between tries, and until silence counts as a failure."""

    tries: int = 8
    first: float = 1.0
    longest: float = 60.0
    silence: float = 30.0

    @property
    def for_questions(self) -> "Patience":
        """Who waits for the first answer has nothing yet that would be lost."""
        return replace(self, tries=min(self.tries, QUESTIONS))

    def retrying(self, stop: threading.Event, note: Callable[[str], None]) -> Retrying:
        """Call a function again while it raises TryAgain; the last one is raised.

        The pauses double. `note` hears of each; `stop` ends them at once, with Stopped.
        """
        return Retrying(
            retry=retry_if_exception_type(TryAgain),
            stop=stop_after_attempt(self.tries),
            wait=self._seconds,
            sleep=partial(pause, stop),
            before_sleep=lambda state: note(_told(state)),
            reraise=True,
        )

    def _seconds(self, state: RetryCallState) -> float:
        pause = wait_exponential(multiplier=self.first, max=self.longest)(state)
        return max(pause, min(_error(state).wait, LONGEST_WISH))


def pause(stop: threading.Event, seconds: float) -> None:
    """Wait; raises Stopped as soon as the download ends."""
    if stop.wait(seconds):
        raise Stopped


def _told(state: RetryCallState) -> str:
    seconds = state.next_action.sleep if state.next_action else 0.0
    return f"{_error(state)}; trying again in {seconds:.0f} s"


def _error(state: RetryCallState) -> TryAgain:
    error = state.outcome.exception() if state.outcome else None
    return error if isinstance(error, TryAgain) else TryAgain("")
