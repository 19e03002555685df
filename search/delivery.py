"""Delivers an outbox to MLflow, in a thread of its own, again and again until it is there."""

import threading
import time
from collections.abc import Callable

from search.mlflow_store import Refused, reason
from search.outbox import Outbox, Record

PAUSES = (1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds until the next try after the first, second, ... failure in a row."""
IDLE = 0.05


class Delivery:
    """One thread: neither a slow server nor one that is away holds up the search."""

    def __init__(
        self,
        outbox: Outbox,
        deliver: Callable[[Record, bool], None],
        tell: Callable[[str], None],
    ) -> None:
        """`deliver` takes a record and whether it may have been delivered before; it raises Refused
        for what MLflow will never take, and anything else where MLflow is away. `tell` gets a line
        when MLflow goes away, when it is back, and once for each reason for which it refuses.
        """
        self.outbox, self.deliver, self.tell = outbox, deliver, tell
        self.away = ""
        """Why nothing can be delivered now; '' where it can."""
        self._doubtful = 0
        """How many of the next records may have gone out before."""
        self._refusals: set[str] = set()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="delivery", daemon=True)

    def start(self) -> None:
        """Begin to deliver."""
        self._doubtful = self.outbox.left  # an earlier process may have lost its note of them
        self._thread.start()

    def wait(self, seconds: float) -> bool:
        """Wait until all is delivered, or MLflow is found to be away; whether all is delivered."""
        deadline = time.monotonic() + seconds
        while self.outbox.left and self._goes_on() and time.monotonic() < deadline:
            time.sleep(IDLE)
        return not self.outbox.left

    def _goes_on(self) -> bool:
        """Whether records are delivered: a search may end before it has begun to."""
        return self._thread.is_alive() and not self.away

    def close(self) -> None:
        """End the thread, with the record that it is at."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        failures = 0
        while not self._closing.is_set():
            record = self.outbox.oldest()
            if record is None:
                self._closing.wait(IDLE)
            elif self._tried(record):
                failures = 0
            else:
                self._closing.wait(PAUSES[min(failures, len(PAUSES) - 1)])
                failures += 1

    def _tried(self, record: Record) -> bool:
        try:
            self.deliver(record, self._doubtful > 0)
        except Refused as refusal:
            self._tell_refusal(str(refusal))
        except Exception as error:  # whatever a server, a network or a database may raise
            self._doubtful = max(self._doubtful, 1)
            if not self.away:
                self.away = reason(error)
                self.tell(f"MLflow cannot be reached, its records wait on disk: {self.away}")
            return False
        self._doubtful = max(self._doubtful - 1, 0)
        self.outbox.delivered()
        if self.away:
            self.away = ""
            self.tell("MLflow is back, the records that waited go out")
        return True

    def _tell_refusal(self, why: str) -> None:
        if why not in self._refusals:
            self._refusals.add(why)
            self.tell(f"MLflow refuses a record, which is left out: {why}")
