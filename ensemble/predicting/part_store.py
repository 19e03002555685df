"""Parts in a store that all machines reach, for those that share no folder.

    <store>/parts/<key>/<tier>/<mouse>/<first trial>-<last trial>.npz
    <store>/parts/<key>/runs/<number>/weights.pt     of a run whose search has no store

Workers leave parts there, and the driver copies each into its own folder.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ensemble.predicting.copies import Copy, uploaded
from ensemble.predicting.parts import Finished, Part, PartFolder, file_name, save
from ensemble.stores import check_writable
from models.remote import Remote

PARTS, RUNS = "parts", "runs"


@dataclass(frozen=True)
class PartStore:
    """The finished parts of one job. Everything raises StorageError where it cannot be reached."""

    uri: str
    """With the job's key."""

    @classmethod
    def of(cls, store: str, key: str) -> "PartStore":
        """Of the job with this key. Raises UserError for what is no URI."""
        return cls((Remote.parse(store) / PARTS / key).uri)

    def __str__(self) -> str:
        return self.uri

    def check(self) -> None:
        """Raise StorageError where this machine may not write there."""
        check_writable(self._remote)

    def write(self, part: Part, finished: Finished) -> None:
        """Keep a finished part; it is there only once it is whole."""
        content = io.BytesIO()
        save(content, part, finished)
        self._remote.write(file_name(part), content.getvalue())

    def upload(self, runs: Sequence[Path]) -> dict[Path, Copy]:
        """Copy runs of this job there, unless they are there already."""
        return uploaded(runs, self._remote / RUNS)

    def collect(self, parts: Sequence[Part], folder: PartFolder) -> None:
        """Copy those of the parts that are there into the folder, in the place of what it has."""
        self._remote.download(folder.path, [file_name(part) for part in parts])

    def collect_left(self, parts: Sequence[Part], folder: PartFolder) -> None:
        """Copy what a build that ended early has left there, and the folder lacks."""
        there = self._remote.sizes()
        lacking = [part for part in parts if not folder.has(part) and file_name(part) in there]
        self.collect(lacking, folder)

    def clear(self) -> None:
        """Remove all that is there."""
        for name in self._remote.sizes():
            self._remote.remove(name)

    def __getstate__(self) -> dict[str, str]:
        return {"uri": self.uri}  # what is open is of this process

    @cached_property
    def _remote(self) -> Remote:
        return Remote(self.uri)


Keeper = PartFolder | PartStore
"""Where the finished parts of a job are kept by those who make them."""
