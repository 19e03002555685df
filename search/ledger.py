"""The ledger: who held a slot of the search from when to when, on disk within seconds of it.

    <search>/ledger/<n>.json    one file a driver: {"gpus": 1.0, "stretches": [[key, began, until], ...]}

A key is a trial's number, the floor's name, or `SEARCH` for the driver itself; times are seconds since
1970. A driver that is killed leaves its last entries at most `EVERY` seconds short.
"""

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from models.files import write_json

SEARCH = "search"
EVERY = 10.0


@dataclass(frozen=True)
class Stretch:
    """A slot held without a break."""

    key: str
    gpus: float
    """How many GPUs it held; 0 on a CPU."""
    began: float
    until: float

    @property
    def hours(self) -> float:
        """Of the slot."""
        return (self.until - self.began) / 3600

    @property
    def gpu_hours(self) -> float:
        """Hours times GPUs."""
        return self.hours * self.gpus


def read_ledger(folder: Path) -> list[Stretch]:
    """All stretches of a search, of all its drivers; none where there is no ledger."""
    found = []
    for path in sorted((folder / "ledger").glob("*.json"), key=lambda path: int(path.stem)):
        content = json.loads(path.read_text())
        for key, began, until in content["stretches"]:
            gpus = 0.0 if key == SEARCH else float(content["gpus"])
            found.append(Stretch(str(key), gpus, began, until))
    return found


def slot_hours(stretches: Iterable[Stretch]) -> float:
    """Hours of all slots together."""
    return sum(each.hours for each in stretches if each.key != SEARCH)


def gpu_hours(stretches: Iterable[Stretch]) -> float:
    """GPU-hours of all slots together."""
    return sum(each.gpu_hours for each in stretches)


def wall_hours(stretches: Iterable[Stretch]) -> float:
    """Hours for which a driver of the search was there."""
    return sum(each.hours for each in stretches if each.key == SEARCH)


class Ledger:
    """One driver's part of the ledger, and the sum of all earlier ones."""

    def __init__(self, folder: Path, gpus: float, clock: Callable[[], float] = time.time) -> None:
        """`gpus` of a slot; `clock` gives seconds since 1970."""
        self.gpus, self.clock = gpus, clock
        self.earlier = read_ledger(folder)
        taken = [int(path.stem) for path in (folder / "ledger").glob("*.json")]
        self._path = folder / "ledger" / f"{max(taken, default=0) + 1}.json"
        self._closed: list[Stretch] = []
        self._open: dict[str, float] = {}
        self._saved = 0.0
        self.begin(SEARCH)

    def begin(self, key: str) -> None:
        """The key has a slot from now on, unless it has one."""
        self._open.setdefault(key, self.clock())

    def end(self, key: str) -> None:
        """The key gives its slot back, if it has one."""
        if key in self._open:
            self._closed.append(self._stretch(key, self._open.pop(key), self.clock()))

    def tick(self) -> None:
        """Write the file if it is older than `EVERY` seconds."""
        if self.clock() - self._saved >= EVERY:
            self.save()

    def save(self) -> None:
        """Write the file."""
        self._saved = self.clock()
        self._path.parent.mkdir(exist_ok=True)
        entries = [(each.key, each.began, each.until) for each in self._mine()]
        write_json(self._path, {"gpus": self.gpus, "stretches": entries})

    def close(self) -> None:
        """End everything and write the file."""
        for key in list(self._open):
            self.end(key)
        self.save()

    @property
    def stretches(self) -> list[Stretch]:
        """All of the search so far, those that go on included."""
        return [*self.earlier, *self._mine()]

    def _mine(self) -> list[Stretch]:
        now = self.clock()
        going_on = (self._stretch(key, began, now) for key, began in self._open.items())
        return [*self._closed, *going_on]

    def _stretch(self, key: str, began: float, until: float) -> Stretch:
        return Stretch(key, 0.0 if key == SEARCH else self.gpus, began, until)
