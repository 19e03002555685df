"""What a part of the benchmark found: its figures, and what is to be said beside them."""

import os
from dataclasses import dataclass
from pathlib import Path

from models.bench.figure import Figure
from models.errors import StorageError
from models.files import free_bytes


@dataclass(frozen=True)
class Measured:
    """What is printed, and what is written as JSON."""

    figures: list[Figure]
    said: tuple[str, ...]

    def lines(self) -> list[str]:
        """What stands below the table."""
        return [*self.said, f"load of the machine at the end: {os.getloadavg()[0]:.1f}"]


def check_room(place: Path, wanted: float) -> None:
    """StorageError where the disk of `place` has fewer bytes left than `wanted`."""
    free = free_bytes(place)
    if wanted > free:
        message = f"the benchmark writes up to {wanted / 1e9:.1f} GB; {place} has {free / 1e9:.1f}"
        raise StorageError(f"{message} GB", "Choose another --folder, or a smaller --share.")
