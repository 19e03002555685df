"""One driver a search: two would train the same trials."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from models.errors import RunError
from models.recordings.locks import locking

LOCK = "driver.lock"


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold a search, which ends with this process; RunError where another one has it."""
    with locking(folder / LOCK) as mine:
        if not mine:
            message = f"the search '{folder.name}' is running"
            remedy = f"See 'python -m search status {folder.name}'; stop it first."
            raise RunError(message, remedy)
        yield


def is_driven(folder: Path) -> bool:
    """Whether a driver is at work, on this machine or on one that shares the folder."""
    if not (folder / LOCK).exists():
        return False
    try:
        with alone(folder):
            return False
    except RunError:
        return True
