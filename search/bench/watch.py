"""What a driver takes while its trials run: memory and processor time, sampled in a thread."""

import bisect
import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import psutil

EVERY = 0.5
MB = 1e6


@dataclass
class Watch:
    """Samples of this process, oldest first."""

    times: list[float] = field(default_factory=list)
    """Seconds since 1970."""
    megabytes: list[float] = field(default_factory=list)
    """Resident, in 10^6 bytes."""
    seconds: list[float] = field(default_factory=list)
    """Of processor time, with that of ended children."""

    def sample(self) -> None:
        """Note how the process stands now."""
        process = psutil.Process()
        used = process.cpu_times()
        self.times.append(time.time())
        self.megabytes.append(process.memory_info().rss / MB)
        self.seconds.append(used.user + used.system + used.children_user + used.children_system)

    def growth(self, values: list[float], began: float) -> float:
        """By how much `values` grew from the time `began` to the last sample."""
        first = min(bisect.bisect_left(self.times, began), len(values) - 1)
        return values[-1] - values[first]


@contextlib.contextmanager
def watching() -> Iterator[Watch]:
    """Sample this process until the block ends, and once more then."""
    watch, over = Watch(), threading.Event()

    def run() -> None:
        while not over.wait(EVERY):
            watch.sample()

    thread = threading.Thread(target=run, name="watch", daemon=True)
    watch.sample()
    thread.start()
    try:
        yield watch
    finally:
        over.set()
        thread.join()
        watch.sample()
