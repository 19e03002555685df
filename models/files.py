"""Files that are either whole or not there: temporary file, fsync, rename."""

import contextlib
import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from models.errors import StorageError


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; what is written there replaces `path` at the end.

    Any exception, a full disk included, leaves the old file as it was and no temporary file behind.
    Raises StorageError for what the operating system refuses, naming file and remedy.
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        os.close(handle)
        temporary = Path(name)
        yield temporary
        flush(temporary)
        temporary.chmod(0o644)  # mkstemp makes private files; results are to be shared
        temporary.replace(path)
        flush(path.parent)
    except OSError as error:
        raise storage_error(path, error) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def remove_abandoned(path: Path) -> None:
    """Remove what killed processes left of `replacing(path)`; no other may be writing it now."""
    for temporary in path.parent.glob(f".{path.name}.*"):
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Replace `path` by `content`, atomically."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_json(path: Path, content: Any) -> None:
    """Replace `path` by `content` as indented JSON, atomically."""
    write_bytes(path, (json.dumps(content, indent=2, allow_nan=True) + "\n").encode())


def free_bytes(path: Path) -> int:
    """What the disk has left where `path` is, or will be. Raises StorageError."""
    try:
        existing = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
        return shutil.disk_usage(existing).free
    except OSError as error:
        raise storage_error(path, error) from error


def folder_bytes(folder: Path) -> int:
    """Of all files in a folder and below it; 0 where there is none."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def sha256(path: Path) -> str:
    """The hash of a file's content, which is not held in memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def storage_error(path: Path, error: OSError) -> StorageError:
    """Say what the disk refused, and what to do."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        message = f"no space left while writing {path}; what was there before is untouched"
        return StorageError(message, "Free some space or choose another folder, then run it again.")
    message = f"cannot write {path}: {error.strerror or error}"
    return StorageError(message, "Check that the folder exists and may be written to.")


def flush(path: Path) -> None:
    """Wait until a file or folder is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
