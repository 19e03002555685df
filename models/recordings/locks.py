"""One process at a time: a lock that ends with its process, however that ends."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def locking(path: Path) -> Iterator[bool]:
    """Yield whether the lock is ours; if so, its file is removed at the end.

    A file that a killed process has left is no lock. Raises OSError for what the disk refuses.
    """
    descriptor = _lock(path)
    try:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            path.unlink(missing_ok=True)  # before it is unlocked: afterwards it is someone else's
            os.close(descriptor)


def _lock(path: Path) -> int | None:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            if isinstance(error, BlockingIOError):
                return None
            raise
        if _is_at(descriptor, path):
            return descriptor
        os.close(descriptor)  # removed by its holder after we had opened it: a lock on nothing


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
