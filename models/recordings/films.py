"""Which trials of a data set show the same film, over all of its mice, and how folds fall.

The groups of a packed store are kept in its films.json, so that they keep their names, and trials
their folds, when mice or sessions are added.
"""

from collections.abc import Sequence
from pathlib import Path

from models.recordings.folds import as_text, content_groups
from models.recordings.session import Session
from models.recordings.store.packed import PackedSession
from models.recordings.store.sealed import read_sealed, write_sealed

FILMS = "films.json"

TrialName = tuple[str, int]
"""Mouse and file id."""


def film_groups(sessions: Sequence[Session]) -> dict[TrialName, str]:
    """The group of every trial of all tiers; unpacked sessions are read whole for it."""
    trials = [(session, number) for session in sessions for number in session.tiers]
    groups = content_groups([session.film(number) for session, number in trials], known(sessions))
    names = ((session.name, number) for session, number in trials)
    return dict(zip(names, groups, strict=True))


def known(sessions: Sequence[Session]) -> dict[str, str]:
    """The group of each hash that the stores of these sessions remember."""
    packed = [session for session in sessions if isinstance(session, PackedSession)]
    stores = dict.fromkeys(session.path.parent for session in packed)
    return {film: group for store in stores for film, group in _remembered(store).items()}


def remember(store: Path, sessions: Sequence[PackedSession]) -> None:
    """Write the groups of all sessions of a store to its films.json."""
    groups = film_groups(sessions)
    of_film = {
        as_text(session.film(number)): groups[session.name, number]
        for session in sessions
        for number in session.tiers
    }
    kept = _remembered(store) | of_film
    write_sealed(store / FILMS, dict(sorted(kept.items())))


def _remembered(store: Path) -> dict[str, str]:
    path = store / FILMS
    if not path.exists():
        return {}
    remedy = "Remove it and pack again; trials of films that are alike may then change their folds."
    groups: dict[str, str] = read_sealed(path, remedy)
    return groups
