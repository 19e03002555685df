"""The competition's ten sessions: their folders' names, their addresses, and how a user names them."""

from collections.abc import Sequence

from models.errors import UserError
from models.recordings.layout import NEW_HASH, OLD_HASH

SERVER = "https://gin.g-node.org"
NEW_REPOSITORY = "pollytur/sensorium_2023_dataset"
OLD_REPOSITORY = "pollytur/Sensorium2023Data"
NEW_MICE = ("29515-10-12", "29623-4-9", "29647-19-8", "29712-5-9", "29755-2-8")
OLD_MICE = ("29156-11-10", "29228-2-10", "29234-6-9", "29513-3-5", "29514-2-9")
NEW = {mouse: f"dynamic{mouse}-Video-{NEW_HASH}" for mouse in NEW_MICE}
OLD = {mouse: f"dynamic{mouse}-Video-{OLD_HASH}" for mouse in OLD_MICE}
SESSIONS = (*NEW.values(), *OLD.values())
MOUSE = {session: mouse for mouse, session in {**NEW, **OLD}.items()}
"""The short form of each session's name."""

_NAMES = {
    "new": tuple(NEW.values()),
    "old": tuple(OLD.values()),
    "all": SESSIONS,
    **{mouse: (session,) for session, mouse in MOUSE.items()},
    **{session: (session,) for session in SESSIONS},
}


def chosen_sessions(words: Sequence[str]) -> list[str]:
    """The sessions that `words` name, each once, in the catalogue's order.

    A word is new, old, all, a session or its short form such as 29515-10-12. Raises UserError with
    all words that are none of these.
    """
    unknown = [word for word in words if word not in _NAMES]
    if unknown:
        message = f"there is no mouse {', '.join(map(repr, unknown))}"
        known = f"new: {', '.join(NEW_MICE)}; old: {', '.join(OLD_MICE)}"
        raise UserError(message, f"Choose new, old, all or single ones; {known}.")
    wanted = {session for word in words for session in _NAMES[word]}
    return [session for session in SESSIONS if session in wanted]


def address(session: str, base: str = SERVER) -> str:
    """Where the zip of a session is; `base` is GIN or a mirror of it with the same paths."""
    repository = NEW_REPOSITORY if session.endswith(NEW_HASH) else OLD_REPOSITORY
    return f"{base.rstrip('/')}/{repository}/raw/master/{session}.zip"


def check_base(base: str) -> None:
    """Raise UserError where `base` is no address of a server."""
    if not base.startswith(("http://", "https://")):
        remedy = f"Give --base (or SENSORIUM_GIN) in the form {SERVER}."
        raise UserError(
            f"a server's address begins with https:// or http://; found {base!r}", remedy
        )
