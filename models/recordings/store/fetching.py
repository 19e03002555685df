"""A packed store that is fetched to this machine: once, by one process, for all.

What a process that was killed has fetched is kept and compared with the manifest by the next one.
"""

import contextlib
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from threading import Event

from models.errors import Problem, ProblemsFound, StorageError
from models.files import remove_abandoned, sha256, storage_error
from models.recordings.download.workers import at_once
from models.recordings.locks import locking, use
from models.recordings.store.cache import (
    USERS,
    Tell,
    cache_folder,
    has_size,
    is_whole,
    last_from,
    make_room,
    note,
)
from models.recordings.store.manifest import FILES_AT_ONCE, Manifest, Told, read_manifest
from models.remote import Remote

WAIT = 0.2
"""Seconds between looks at what another process fetches."""


@lru_cache
def current_manifest(uri: str) -> Manifest:
    """The manifest of a store, with which a process stays; it is asked for once.

    Where the store cannot be reached, that of what was fetched from there last. Raises RecordingError
    where there is no store, StorageError where nothing was fetched either.
    """
    try:
        return read_manifest(Remote.parse(uri))
    except StorageError:
        before = last_from(uri)
        if before is None:
            raise
        return before


def fetch(remote: Remote, manifest: Manifest, told: Told, tell: Tell) -> Path:
    """The folder of a store on this machine, which nobody removes while this process lives.

    `told` gets a file's name and how many more of its bytes are here, and is called without either
    while another process fetches; what it raises ends the fetch. Raises StorageError where there is
    no room, ProblemsFound with all files that are not as the manifest says, though fetched twice.
    """
    folder = cache_folder() / manifest.name
    try:
        use(folder / USERS)
        with contextlib.suppress(PermissionError):  # where another user fetched it
            os.utime(folder / USERS)  # the order in which stores are removed
        while not is_whole(folder, manifest):
            with locking(folder.parent / f".{folder.name}.lock") as mine:
                if mine:
                    Fetching(remote, manifest, folder, told, tell).run()
                    break
            told("", 0)
            time.sleep(WAIT)
    except OSError as error:
        raise storage_error(folder, error) from error
    return folder


@dataclass(frozen=True)
class Fetching:
    """One fetch, by the only process that is at it."""

    remote: Remote
    manifest: Manifest
    folder: Path
    told: Told
    tell: Tell

    def run(self) -> None:
        """Leave the store whole."""
        if is_whole(self.folder, self.manifest):
            return  # by another process, which was waited for
        for name in self.manifest.files:
            remove_abandoned(self.folder / name)
        missing = self._damaged([*self.manifest.files])
        needed = sum(self.manifest.files[name].size for name in missing)
        make_room(self.folder, needed, self.remote.uri, self.tell)
        for _ in range(2):
            self._fetch(missing)
            missing = self._damaged(missing)
        if missing:
            raise self._refusal(missing)
        note(self.folder, self.remote.uri, self.manifest)

    def _fetch(self, names: Sequence[str]) -> None:
        def fetch(name: str, stop: Event) -> None:
            self.remote.download(self.folder, [name], partial(self._at, name, stop))

        at_once(FILES_AT_ONCE, names, fetch, lambda _: None)

    def _at(self, name: str, stop: Event, more: int) -> None:
        if stop.is_set():
            raise InterruptedError  # nobody waits for it any more
        self.told(name, more)

    def _damaged(self, names: Sequence[str]) -> list[str]:
        """Those of the files that are not here as the manifest says."""
        found: list[str] = []

        def look(name: str, _: Event) -> list[str]:
            path, file = self.folder / name, self.manifest.files[name]
            same = has_size(path, file.size) and sha256(path) == file.sha256
            return [] if same else [name]

        at_once(FILES_AT_ONCE, names, look, found.extend)
        return sorted(found)

    def _refusal(self, names: Sequence[str]) -> ProblemsFound:
        rule = "is there as the manifest says"
        problems = [Problem(name, rule, self._found(name)) for name in names]
        upload = f"Upload the store again: python -m models upload DATA.packed {self.remote}"
        return ProblemsFound(self.remote.uri, problems, f"{upload} --replace")

    def _found(self, name: str) -> str:
        path, wanted = self.folder / name, self.manifest.files[name].size
        if not path.exists():
            return "nothing"
        size = path.stat().st_size
        return "other content" if size == wanted else f"{size} bytes instead of {wanted}"
