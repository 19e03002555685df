"""Packed stores that were fetched to this machine, and room for one more.

$SENSORIUM_CACHE/.<store>.lock             locked by the process that fetches the store
$SENSORIUM_CACHE/<store>/                  its files; <store> is <fingerprint>-<digits>
$SENSORIUM_CACHE/<store>/.users            locked by all processes that have asked for it
$SENSORIUM_CACHE/<store>/.fetched.json     its manifest and URI, once it is whole
"""

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError
from rich.filesize import decimal

from models.errors import StorageError
from models.files import free_bytes, write_bytes
from models.recordings.locks import unused
from models.recordings.store.manifest import Manifest

VARIABLE = "SENSORIUM_CACHE"
DEFAULT = "~/.cache/sensorium"
NOTE, USERS = ".fetched.json", ".users"
REMOVED = ".removed"
MARGIN = 2_000_000_000
"""Bytes that are to be free when a store is there: what a search asks for before a trial begins."""
NAME = re.compile(r"[0-9a-f]+-[0-9a-f]{8}")
"""Of a store: nothing else is ever removed."""

Tell = Callable[[str], None]
"""Called with what a user is to know."""


class Fetched(BaseModel):
    """Content of .fetched.json."""

    model_config = ConfigDict(frozen=True)

    uri: str
    manifest: Manifest


def cache_folder() -> Path:
    """Where stores are fetched to."""
    return Path(os.environ.get(VARIABLE) or DEFAULT).expanduser().resolve()


def is_whole(folder: Path, manifest: Manifest) -> bool:
    """Whether a store was fetched to its end and no file of it was removed since."""
    fetched = _read(folder)
    sizes = ((folder / name, file.size) for name, file in manifest.files.items())
    return (
        fetched is not None
        and fetched.manifest == manifest
        and all(has_size(path, size) for path, size in sizes)
    )


def has_size(path: Path, size: int) -> bool:
    """Whether a file is there and has so many bytes."""
    try:
        return path.stat().st_size == size
    except OSError:
        return False


def note(folder: Path, uri: str, manifest: Manifest) -> None:
    """Write down that a store is whole."""
    content = Fetched(uri=uri, manifest=manifest).model_dump_json(indent=1)
    write_bytes(folder / NOTE, content.encode())


def last_from(uri: str) -> Manifest | None:
    """Of the store that was fetched from a URI and used last; None where none is whole."""
    known = [(_read(folder), folder) for folder in reversed(_stores())]
    found = [(each.manifest, path) for each, path in known if each is not None and each.uri == uri]
    return next((manifest for manifest, path in found if is_whole(path, manifest)), None)


def missing_bytes(folder: Path, manifest: Manifest) -> int:
    """Bytes that a store still takes; what is being fetched just now is there as far as it has come."""
    return 0 if is_whole(folder, manifest) else max(0, manifest.size - _bytes(folder))


def check_room(folder: Path, needed: int, uri: str) -> None:
    """Raise StorageError where a store has no room, even if all that are unused were removed."""
    free = free_bytes(folder)
    if needed + MARGIN > free + sum(map(_bytes, _unused(folder))):
        message = (
            f"{uri} needs {decimal(needed)} in {folder.parent}, and {decimal(MARGIN)} to spare; "
            f"found {decimal(free)} free"
        )
        remedy = f"Free some space, or set {VARIABLE} to a folder on a larger disk."
        raise StorageError(message, remedy)


def make_room(folder: Path, needed: int, uri: str, tell: Tell) -> None:
    """Remove stores that nobody uses, the one that was used longest ago first, as far as it must be.

    Raises StorageError where that would not do; nothing is removed then.
    """
    for left in cache_folder().glob(f".*{REMOVED}"):  # by a process that was killed
        shutil.rmtree(left, ignore_errors=True)
    if not needed:
        return
    check_room(folder, needed, uri)
    for store in _unused(folder):
        if needed + MARGIN <= free_bytes(folder):
            return
        _remove(store, tell)
    check_room(folder, needed, uri)  # others may have begun to use what was unused


def _remove(store: Path, tell: Tell) -> None:
    with contextlib.suppress(FileNotFoundError), unused(store / USERS) as free:
        if not free:
            return
        size = _bytes(store)
        away = tempfile.mkdtemp(REMOVED, f".{store.name}.", store.parent)
        store.rename(away)  # at once: whoever asks for it from now on begins a new one
        shutil.rmtree(away, ignore_errors=True)
        tell(f"{decimal(size)} of unused recordings removed to make room: {store}")


def _unused(but: Path) -> list[Path]:
    """The stores that no process uses; the one that was used longest ago comes first."""
    return [store for store in _stores() if store != but and _is_unused(store)]


def _is_unused(store: Path) -> bool:
    with contextlib.suppress(OSError), unused(store / USERS) as free:
        return free
    return False


def _stores() -> list[Path]:
    """Those in the cache, begun ones among them, in the order of their last use."""
    folder = cache_folder()
    found = [path for path in folder.glob("*") if NAME.fullmatch(path.name) and path.is_dir()]
    return sorted(found, key=_last_use)


def _last_use(store: Path) -> int:
    with contextlib.suppress(FileNotFoundError):
        return (store / USERS).stat().st_mtime_ns
    return 0


def _bytes(folder: Path) -> int:
    """Of all files, whatever is removed in between."""
    sizes = []
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            sizes.append(path.lstat().st_size if path.is_file() else 0)
    return sum(sizes)


def _read(folder: Path) -> Fetched | None:
    try:
        return Fetched.model_validate_json((folder / NOTE).read_bytes())
    except (OSError, ValidationError):
        return None
