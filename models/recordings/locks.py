"""Locks that end with their process, however that ends: of one process at a time, and of all users."""

import contextlib
import fcntl
import os
import threading
from collections.abc import Iterator
from pathlib import Path

_guard = threading.Lock()
_used: dict[Path, int] = {}
"""The locks that this process shares, with their open descriptors."""


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


def use(path: Path) -> None:
    """Share a lock as long as this process lives; makes file and folder if need be. Raises OSError."""
    with _guard:
        if path in _used and _is_at(_used[path], path):
            return
        descriptor = _share(path)
        before = _used.pop(path, None)
        if before is not None:
            os.close(before)  # of a file that is there no more
        _used[path] = descriptor


@contextlib.contextmanager
def unused(path: Path) -> Iterator[bool]:
    """Yield whether no process shares the lock; if so, none begins to until the block ends."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        yield _try(descriptor) and _is_at(descriptor, path)
    finally:
        os.close(descriptor)


def _share(path: Path) -> int:
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):  # the folder was removed in between
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            if _is_at(descriptor, path):
                return descriptor
            os.close(descriptor)


def _lock(path: Path) -> int | None:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            mine = _try(descriptor)
        except OSError:
            os.close(descriptor)
            raise
        if not mine:
            os.close(descriptor)
            return None
        if _is_at(descriptor, path):
            return descriptor
        os.close(descriptor)  # removed by its holder after we had opened it: a lock on nothing


def _try(descriptor: int) -> bool:
    """Whether the lock on an open file can be had at once."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
