"""The recordings as one machine sees them."""

from dataclasses import dataclass
from pathlib import Path

from models.errors import UserError
from models.recordings.data_set import open_sessions
from models.recordings.session import fingerprint
from models.recordings.store.packed import PackedSession


@dataclass(frozen=True)
class Recordings:
    """What lies at a path."""

    fingerprint: str = ""
    """The one that runs record; empty where the recordings cannot be read."""
    mice: int = 0
    packed: int = 0
    """Mice that are read from the packed store."""
    failure: str = ""
    remedy: str = ""


def look(data: Path) -> Recordings:
    """The recordings at `data`; what is wrong with them is told, never raised."""
    try:
        sessions = open_sessions(data)
        packed = sum(isinstance(session, PackedSession) for session in sessions)
        return Recordings(fingerprint(sessions), len(sessions), packed)
    except UserError as error:
        return Recordings(failure=error.message, remedy=error.remedy)
    except OSError as error:
        failure = f"cannot read {error.filename or data}: {error.strerror or error}"
        return Recordings(failure=failure, remedy="Check that you may read the folder.")
