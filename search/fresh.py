"""Runs as the driver sees them, which workers of other machines train: by way of the store.

Without a store nothing is done here: all see the same folders.
"""

import contextlib
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from models.bringing import SMALL, store_of
from models.errors import StorageError
from models.remote import Remote
from models.runs import CONFIG, PINNED, STATUS, RunFolder, Status
from search.mirror import WRITER, clear, writer_of

AT_ONCE = 16
"""Requests to the store."""


def refresh(run: RunFolder) -> None:
    """Get what tells about a run, unless it was trained in this very folder.

    What is here stays as it is where the store is away.
    """
    store = store_of(run.path)
    if store is not None:
        with contextlib.suppress(StorageError):
            _refresh(run.path, store)


def refresh_below(folder: Path) -> None:
    """The same for all runs of a folder, as of a search, or of its confirmation. Raises StorageError."""
    store = store_of(folder)
    if store is None:
        return
    listed = store.sizes()
    names = sorted({name.rpartition("/")[0] for name in listed if name.endswith(f"/{CONFIG}")})
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for _ in pool.map(lambda name: _refresh(folder / name, store / name), names):
            pass


def _refresh(run: Path, store: Remote) -> None:
    last = (store.read(WRITER) or b"").decode()
    if not last or last == writer_of(run):
        return
    if writer_of(run):
        clear(run)  # weights of an earlier state would be taken for those of this one
    store.download(run, (*SMALL, PINNED))


def end(run: RunFolder, status: Status) -> None:
    """Write down how a run has ended, here and in the store; one that is away has it at `strip`."""
    run.end(status)
    store = store_of(run.path)
    if store is not None:
        with contextlib.suppress(StorageError):
            store.upload(run.path, [STATUS])


def remove(run: RunFolder, files: Sequence[str]) -> bool:
    """Remove files of a run that has ended from its store, after its status is there; whether it could.

    It could not where the run is pinned there, or the store is away. What ends with a slash is a folder.
    """
    store = store_of(run.path)
    if store is None:
        return True
    with contextlib.suppress(StorageError):
        there = store.sizes()
        if PINNED in there:
            return False
        if STATUS not in there:
            store.upload(run.path, [STATUS])
        folders = tuple(name for name in files if name.endswith("/"))
        for name in there:
            if name in files or name.startswith(folders):
                store.remove(name)
        return True
    return False


def forget(runs: Path, known: Iterable[int]) -> None:
    """Remove the runs from the store that the records do not know: a lost driver began them last.

    Raises StorageError.
    """
    store = store_of(runs)
    if store is None:
        return
    numbers = {str(number) for number in known}
    gone = [name for name in store.sizes() if name.partition("/")[0] not in numbers]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(partial(Remote.remove, store), gone))
