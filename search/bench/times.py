"""When trials were at work: stamps in their folders, and the gaps between trials that follow.

    <run>/times.jsonl    a line when an epoch begins and when it ends: {"process": 17, "time": 12.5}

A process is a slot: it serves one trial after the other.
"""

import json
import os
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

FILE = "times.jsonl"


@dataclass(frozen=True)
class Served:
    """A trial on a slot: from its first training step to the end of its last."""

    process: int
    began: float
    """Seconds since 1970, as `until`."""
    until: float


def stamp(folder: Path) -> None:
    """Note that the trial of this folder begins or ends something now."""
    with (folder / FILE).open("a") as file:
        file.write(json.dumps({"process": os.getpid(), "time": time.time()}) + "\n")


def read_served(runs: Path) -> list[Served]:
    """What the trials below this folder have noted, in the order in which they ended."""
    found = [_served(path.read_text().splitlines()) for path in runs.glob(f"*/{FILE}")]
    return sorted(found, key=lambda each: each.until)


def _served(lines: list[str]) -> Served:
    stamps = [json.loads(line) for line in lines]
    times = [each["time"] for each in stamps]
    return Served(stamps[-1]["process"], min(times), max(times))


def gaps(served: Iterable[Served]) -> list[float]:
    """Seconds from the end of each trial to the first step of the next one on its slot."""
    slots = defaultdict(list)
    for each in sorted(served, key=lambda each: each.began):
        slots[each.process].append(each)
    return [
        after.began - before.until for slot in slots.values() for before, after in pairwise(slot)
    ]
