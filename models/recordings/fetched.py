"""Recordings as a folder of this machine, wherever they are."""

from pathlib import Path

from models.recordings.store.cache import Tell, cache_folder, check_room, missing_bytes
from models.recordings.store.fetching import current_manifest, fetch
from models.recordings.store.manifest import Manifest, Told
from models.recordings.where import Where, where
from models.remote import Remote


def local_folder(
    data: Where,
    told: Told = lambda _name, _bytes: None,
    tell: Tell = lambda _: None,
) -> Path:
    """The folder itself, or that of a store, which is fetched if it is not on this machine.

    `told` and `tell` as in `models.recordings.store.fetching.fetch`. Raises UserError: for what is no
    store, cannot be reached, is damaged or has no room.
    """
    place = where(data)
    if isinstance(place, Path):
        return place
    return fetch(Remote.parse(place), current_manifest(place), told, tell)


def look_at(uri: str) -> tuple[Manifest, int]:
    """What is in a store, and how many bytes of it are not on this machine; nothing is fetched.

    Raises RecordingError for what is no store; StorageError where it cannot be reached, or has no room
    here.
    """
    manifest = current_manifest(uri)
    folder = cache_folder() / manifest.name
    missing = missing_bytes(folder, manifest)
    if missing:
        check_room(folder, missing, uri)
    return manifest, missing
