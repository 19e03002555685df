"""Runs as machines get them that do not see them: from the stores of their searches."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from models.bringing import store_of
from models.errors import RunError
from models.files import sha256
from models.remote import Remote
from models.runs import CONFIG, WEIGHTS, RunFolder

NEEDED = (CONFIG, WEIGHTS)
"""Of a run, to predict; the last one that is fetched tells that all are there."""


@dataclass(frozen=True)
class Copy:
    """A run in a store."""

    uri: str
    weights: str
    """The sha256 of the weights that are wanted."""

    def fetch(self, path: Path) -> None:
        """Have the run here, in the place of an older one that is called alike.

        Where the store lacks it, nothing happens. Raises StorageError, or RunError for other weights.
        """
        run = RunFolder(path)
        if self._is_here(run):
            return
        Remote(self.uri).download(path, NEEDED)
        if run.weights.exists() and not self._is_here(run):
            message = f"{self.uri} has other weights than the run had when the ensemble was chosen"
            raise RunError(message, "Run it again when the search has copied what it holds.")

    def _is_here(self, run: RunFolder) -> bool:
        return run.exists and run.weights.exists() and sha256(run.weights) == self.weights


def copies_of(runs: Iterable[RunFolder]) -> dict[Path, Copy]:
    """By resolved path, each run's copy in the store of its search; none of runs without a store."""
    stores = {run: store_of(run.path.absolute()) for run in runs}
    return {
        run.path.resolve(): Copy(store.uri, sha256(run.weights))
        for run, store in stores.items()
        if store is not None and run.weights.exists()  # what is nowhere is refused with its name
    }


def uploaded(runs: Sequence[Path], remote: Remote) -> dict[Path, Copy]:
    """Copy runs whose search has no store to the folder `remote`, unless they are there already."""
    copies, there = {}, remote.sizes() if runs else {}
    for number, run in enumerate(runs):
        place = remote / str(number)
        if f"{number}/{NEEDED[-1]}" not in there:
            place.upload(run, NEEDED)
        copies[run] = Copy(place.uri, sha256(RunFolder(run).weights))
    return copies
