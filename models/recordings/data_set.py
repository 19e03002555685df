"""The sessions of a data set, packed or not."""

from collections.abc import Sequence
from pathlib import Path

from models.errors import RecordingError
from models.recordings.fetched import local_folder
from models.recordings.folder import SessionFolder
from models.recordings.layout import NEW_HASH, is_session, session_folders
from models.recordings.session import Session
from models.recordings.store.folders import is_packed, packed_folder
from models.recordings.store.packed import PackedSession
from models.recordings.store.source import check_unchanged
from models.recordings.where import Where


def open_sessions(data: Where) -> list[Session]:
    """All sessions of a data set, by name; a folder without any is a RecordingError.

    `data` is a folder of sessions, packed or not, or one session, or the URI of a packed store, which
    is fetched unless it is on this machine: UserError where it cannot be. An unpacked session whose
    packed form lies in `<data>.packed` is read from there; a RecordingError where it has changed since.
    """
    folder = local_folder(data)
    folders = [folder] if is_packed(folder) else session_folders(folder)
    opened = (_open(path.resolve(), packed_folder(folder)) for path in folders)
    sessions = [session for session in opened if session is not None]
    if not sessions:
        message = f"{data} holds no recording: no folder in it has data/ and meta/"
        raise RecordingError(message, "Try 'python -m models synth DIR' for generated recordings.")
    return sessions


def _open(path: Path, store: Path) -> Session | None:
    if is_packed(path):
        return PackedSession(path)
    if not is_session(path):
        return None
    for place in (store, packed_folder(path.parent), packed_folder(path)):
        if is_packed(place / path.name):
            packed = PackedSession(place / path.name)
            check_unchanged(packed.source_marks, path)
            return packed
    return SessionFolder(path)


def scored_sessions(sessions: Sequence[Session]) -> list[Session]:
    """The sessions a submission is about: the five new mice where they are.

    In other data sets, those whose test responses are withheld, and all where none are.
    """
    new = [session for session in sessions if session.name.endswith(NEW_HASH)]
    return new or [session for session in sessions if session.withholds] or list(sessions)
