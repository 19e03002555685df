"""A packed store that is brought to a bucket, from where every node fetches it."""

from pathlib import Path
from threading import Event

from models.errors import RecordingError, UserError
from models.files import sha256
from models.recordings.data_set import open_sessions
from models.recordings.download.workers import at_once
from models.recordings.films import FILMS
from models.recordings.session import fingerprint
from models.recordings.store.folders import is_packed, packed_sessions
from models.recordings.store.manifest import (
    FILE,
    FILES_AT_ONCE,
    Manifest,
    StoredFile,
    Told,
    read_manifest,
)
from models.remote import Remote

PACK = "Pack the recordings first: python -m models pack DATA, which makes DATA.packed."


def manifest_of(store: Path, told: Told = lambda _name, _bytes: None) -> Manifest:
    """The manifest of a store on this machine, every file of which is read. Raises RecordingError."""
    found: dict[str, StoredFile] = {}

    def look(name: str, _: Event) -> tuple[str, StoredFile]:
        path = store / name
        file = StoredFile(size=path.stat().st_size, sha256=sha256(path))
        told(name, file.size)
        return name, file

    at_once(FILES_AT_ONCE, store_files(store), look, lambda pair: found.update([pair]))
    sessions = open_sessions(store)
    files = dict(sorted(found.items()))
    return Manifest(fingerprint=fingerprint(sessions), mice=len(sessions), files=files)


def store_files(store: Path) -> list[str]:
    """The files of a packed store, by name. Raises RecordingError for any other folder."""
    sessions = packed_sessions(store)
    if is_packed(store):
        message = f"{store} is one packed session of a store"
        raise RecordingError(message, f"Give the whole store: {store.resolve().parent}.")
    if not sessions:
        raise RecordingError(f"{store} is no packed store", PACK)
    begun = sorted(path.name for path in store.glob(".*.partial"))
    if begun:
        raise RecordingError(f"{store} is not packed to its end: {', '.join(begun)} is left", PACK)
    paths = [path for session in sessions for path in session.rglob("*") if path.is_file()]
    names = [path.relative_to(store).as_posix() for path in paths if path.name[0] != "."]
    return sorted([*names, *([FILMS] if (store / FILMS).is_file() else [])])


def store_bytes(store: Path) -> int:
    """Of all files of a packed store. Raises RecordingError as `store_files` does."""
    return sum((store / name).stat().st_size for name in store_files(store))


def is_there(manifest: Manifest, remote: Remote, replace: bool) -> bool:
    """Whether this very store was uploaded before.

    Raises UserError where another one was, unless it is to be replaced; StorageError.
    """
    if not remote.has(FILE):
        return False
    before = _before(remote) if replace else read_manifest(remote)
    if before == manifest:
        return True
    if before is not None and not replace:
        told = f"{remote} holds another store, of the recordings {before.fingerprint}"
        message = f"{told}; {manifest.fingerprint} were to be uploaded"
        raise UserError(message, "Choose another URI, or replace that store with --replace.")
    return False


def upload(store: Path, manifest: Manifest, remote: Remote, told: Told) -> None:
    """Bring the files of a store there, in the place of any other. Raises StorageError.

    Whoever stops in between leaves something that is no store.
    """
    before = _before(remote)
    remote.remove(FILE)

    def send(name: str, _: Event) -> None:
        remote.upload(store, [name])
        told(name, manifest.files[name].size)

    at_once(FILES_AT_ONCE, [*manifest.files], send, lambda _: None)
    _check_sizes(manifest, remote)
    remote.write(FILE, manifest.model_dump_json(indent=1).encode())
    for name in () if before is None else before.files.keys() - manifest.files.keys():
        remote.remove(name)


def _before(remote: Remote) -> Manifest | None:
    """The manifest of the store that is there; None where there is none that can be read."""
    try:
        return read_manifest(remote)
    except RecordingError:
        return None


def _check_sizes(manifest: Manifest, remote: Remote) -> None:
    """A file that changed on the way would be refused by all who fetch it."""
    there = remote.sizes()
    wrong = [name for name, file in manifest.files.items() if there.get(name) != file.size]
    if wrong:
        message = f"{remote} has not taken {', '.join(wrong)} as they are"
        raise RecordingError(message, "Upload the store again.")
