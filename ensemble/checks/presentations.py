"""Trials that are called by their original presentation instead of by their files."""

from models.errors import RecordingError
from models.recordings.layout import read_array
from models.recordings.session import Session

_NAME = "trials/trial_idx.npy"


def are_presentations(session: Session, given: set[int], tier: str) -> bool:
    """Whether `given` ids are from meta/trials/trial_idx.npy, and not those of the tier's files.

    True only where it can be told: all of them are the presentation ids of the tier, and not all
    are ids of its files too. Old mice have no presentation ids.
    """
    own = set(session.trials(tier))
    return bool(given) and not given <= own and given <= _presentations(session, tier)


def _presentations(session: Session, tier: str) -> set[int]:
    try:
        ids = read_array(session.path / "meta" / _NAME)
        return {int(ids[trial]) for trial in session.trials(tier) if trial < len(ids)}
    except (RecordingError, ValueError):
        return set()
