"""Whether the disk has room: before anything is fetched, and before a zip is unpacked."""

from collections.abc import Sequence
from pathlib import Path

from rich.filesize import decimal

from models.errors import StorageError
from models.files import free_bytes


def check_fetching(to: Path, missing: Sequence[int], lengths: Sequence[int]) -> None:
    """Raise StorageError unless `to` has room for the bytes that are missing and for unpacking.

    What a zip unpacks to is not known before it is there, but hardly less than its own length; and
    one is unpacked at a time and removed before the next, so room for the longest is enough.
    """
    fetched, unpacked = sum(missing), max(lengths, default=0)
    free = free_bytes(to)
    if fetched + unpacked > free:
        message = (
            f"{decimal(fetched + unpacked)} are needed in {to}: {decimal(fetched)} to fetch and "
            f"{decimal(unpacked)} more to unpack the longest; found {decimal(free)} free"
        )
        raise StorageError(message, "Free some space, or give another --to or fewer --mice.")


def check_unpacking(to: Path, size: int) -> None:
    """Raise StorageError unless `to` has room for `size` bytes."""
    free = free_bytes(to)
    if size > free:
        message = f"{decimal(size)} are needed in {to} to unpack; found {decimal(free)} free"
        raise StorageError(message, "Free some space; the zip is kept.")
