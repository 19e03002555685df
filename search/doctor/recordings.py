"""The recordings as one machine sees them, and as it fetches them."""

from dataclasses import dataclass, field
from pathlib import Path

from models.errors import UserError
from models.recordings.data_set import open_sessions
from models.recordings.fetched import local_folder, look_at
from models.recordings.session import fingerprint
from models.recordings.store.packed import PackedSession
from models.recordings.where import Where, where


@dataclass(frozen=True)
class Recordings:
    """What lies at a path or URI."""

    fingerprint: str = ""
    """The one that runs record; empty where the recordings cannot be read."""
    mice: int = 0
    packed: int = 0
    """Mice that are read from a packed store."""
    missing: int = 0
    """Bytes of a store elsewhere that are not on this machine yet."""
    failure: str = ""
    remedy: str = ""


@dataclass(frozen=True)
class Fetch:
    """How a machine has fetched a store."""

    failure: str = ""
    remedy: str = ""
    lines: list[str] = field(default_factory=list)
    """What a user is to know."""


def look(data: Where) -> Recordings:
    """The recordings at `data`; what is wrong with them is told, never raised. Nothing is fetched."""
    place = where(data)
    try:
        return _in_folder(place) if isinstance(place, Path) else _at_uri(place)
    except UserError as error:
        return Recordings(failure=error.message, remedy=error.remedy)
    except OSError as error:
        failure = f"cannot read {error.filename or data}: {error.strerror or error}"
        return Recordings(failure=failure, remedy="Check that you may read the folder.")


def fetch(uri: str) -> Fetch:
    """Have a store on this machine; what keeps it from that is told, never raised."""
    lines: list[str] = []
    try:
        local_folder(uri, tell=lines.append)
    except UserError as error:
        return Fetch(error.message, error.remedy, lines)
    return Fetch(lines=lines)


def _in_folder(data: Path) -> Recordings:
    sessions = open_sessions(data)
    packed = sum(isinstance(session, PackedSession) for session in sessions)
    return Recordings(fingerprint(sessions), len(sessions), packed)


def _at_uri(uri: str) -> Recordings:
    manifest, missing = look_at(uri)
    return Recordings(manifest.fingerprint, manifest.mice, manifest.mice, missing)
