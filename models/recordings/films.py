"""Which trials of a data set show the same film, over all of its mice, and how folds fall.

The groups of a packed store are kept in its films.json, so that they keep their names, and trials
their folds, when mice or sessions are added.
"""

from collections.abc import Sequence
from pathlib import Path

from models.recordings.folds import as_text, content_groups, groups_of_hashes
from models.recordings.session import Session
from models.recordings.store.packed import PackedSession
from models.recordings.store.sealed import read_sealed, write_sealed

FILMS = "films.json"

TrialName = tuple[str, int]
"""Mouse and file id."""


def film_groups(sessions: Sequence[Session]) -> dict[TrialName, str]:
    """The group of every trial of all tiers; unpacked sessions are read whole for it."""
    films = {
        (session.name, number): session.film(number)
        for session in sessions
        for number in session.tiers
    }
    groups = known(sessions)
    if len(_stores(sessions)) == 1 and all(as_text(film) in groups for film in films.values()):
        return {trial: groups[as_text(film)] for trial, film in films.items()}
    return dict(zip(films, content_groups([*films.values()], groups), strict=True))


def known(sessions: Sequence[Session]) -> dict[str, str]:
    """The group of each hash that the stores of these sessions remember."""
    return {film: group for store in _stores(sessions) for film, group in remembered(store).items()}


def remember(store: Path, sessions: Sequence[PackedSession]) -> None:
    """Write the groups of all films that a store has, or once had, to its films.json."""
    before = remembered(store)
    films = [session.film(number) for session in sessions for number in session.tiers]
    groups = groups_of_hashes(films, before)
    if groups != before:
        write_sealed(store / FILMS, dict(sorted(groups.items())))


def _stores(sessions: Sequence[Session]) -> list[Path]:
    """The folders that packed ones of these sessions lie in."""
    packed = (session for session in sessions if isinstance(session, PackedSession))
    return list(dict.fromkeys(session.path.parent for session in packed))


def remembered(store: Path) -> dict[str, str]:
    """The group of each hash, as a store's films.json has it; RecordingError where it is damaged."""
    path = store / FILMS
    if not path.exists():
        return {}
    remedy = "Remove it and pack again; trials of films that are alike may then change their folds."
    groups: dict[str, str] = read_sealed(path, remedy)
    return groups
