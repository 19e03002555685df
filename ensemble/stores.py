"""Stores: what those of searches hold of their runs, how it gets here, and which one a build has."""

import os
import secrets
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path

from rich.console import Console

from models import bringing
from models.bringing import SMALL, bring, search_of, store_of
from models.clusters import LOCAL
from models.errors import StorageError
from models.predictions import file_name
from models.recordings.session import Session
from models.remote import Remote
from models.runs import PINNED, STORE_VARIABLE, WEIGHTS, RunFolder


class Holdings:
    """What the stores of searches hold; each is asked once, and only where something is missing here."""

    def __init__(self) -> None:
        self._sizes = cache(_sizes)

    def has_weights(self, run: RunFolder) -> bool:
        """Whether the weights are here, or can be brought. Raises StorageError."""
        if run.weights.exists():
            return True
        search = search_of(run.path)
        if search is None:
            return False
        return run.weights.relative_to(search).as_posix() in self._sizes(search)


def bring_record(run: RunFolder) -> None:
    """Have here what tells about a run, if its search's store has it. Raises StorageError."""
    bring(run, SMALL)


def bring_weights(runs: Iterable[RunFolder]) -> None:
    """Have here what predicting takes of runs, as far as their searches' stores have it."""
    for run in runs:
        bringing.bring_weights(run)


def bring_predictions(run: RunFolder, mouse: str) -> None:
    """Have here what a run said of a mouse's held-out trials, if its search's store has it."""
    bring(run, [file_name(mouse)])


def tell_pinned(run: RunFolder) -> str:
    """Let the store of a run's search know that the run is pinned; why it could not, else nothing."""
    store = store_of(run.path.absolute())
    try:
        if store is not None:
            store.upload(run.path, [PINNED])
    except StorageError as error:
        return error.message
    return ""


def tell_of_weights(runs: Iterable[RunFolder], console: Console) -> None:
    """Say it where weights are to be brought, which may take minutes."""
    _tell(runs, [WEIGHTS], "weights", console)


def tell_of_predictions(
    runs: Iterable[RunFolder], sessions: Iterable[Session], console: Console
) -> None:
    """As `tell_of_weights`."""
    names = [file_name(session.name) for session in sessions]
    _tell(runs, names, "predictions", console)


def store_for(store: str | None, address: str | None) -> str | None:
    """The URI of a build's own store: what is asked for, else $SENSORIUM_STORE on other machines."""
    if store is None and address not in (None, LOCAL):
        store = os.environ.get(STORE_VARIABLE) or None
    return None if store is None else Remote.parse(store).uri


def check_writable(remote: Remote) -> None:
    """Raise StorageError where this machine may not write and remove files there."""
    name = f".{secrets.token_hex(8)}"
    remote.write(name, b"")
    remote.remove(name)


def _tell(runs: Iterable[RunFolder], names: Sequence[str], what: str, console: Console) -> None:
    lacking = [run for run in runs if any(not (run.path / name).exists() for name in names)]
    if count := sum(store_of(run.path) is not None for run in lacking):
        whose = "1 run" if count == 1 else f"{count} runs"
        console.print(f"fetching {what} of {whose} from the store of the search")


def _sizes(search: Path) -> Mapping[str, int]:
    store = store_of(search)
    return {} if store is None else store.sizes()
