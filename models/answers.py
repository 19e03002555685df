"""Known responses, whether recorded or withheld, for evaluation only."""

from pathlib import Path

from models.metrics import Array
from models.recordings.folds import as_text
from models.recordings.session import Session
from models.recordings.truth import Truth, truth_folder
from models.recordings.where import Where, where

_LOOKED_AT = 3
"""Trials: responses of single ones may be lost, withheld ones are so for a whole tier."""


class Answers:
    """Known responses: those of the recordings, else those of the truth of generated ones."""

    def __init__(self, truth: Truth | None = None) -> None:
        self.truth = truth

    @classmethod
    def beside(cls, data: Where, truth: Path | None = None) -> "Answers":
        """With the truth in the folder `truth`, else the one beside the folder `data`, else none.

        Raises RecordingError where `truth` is given and holds none.
        """
        if truth is not None:
            return cls(Truth(truth))
        place = where(data)
        if not isinstance(place, Path):
            return cls()
        beside = truth_folder(place)
        return cls(Truth(beside) if beside.is_dir() else None)

    def response(self, session: Session, trial: int) -> Array | None:
        """(N, T) recorded responses in raw units; None where they are known nowhere."""
        recorded = session.responses(trial)
        if recorded is None and self.truth is not None:
            return self.truth.responses(session.name, trial)
        return recorded

    def noise_free(self, session: Session, trial: int) -> Array | None:
        """(N, T) expected responses in raw units; None without a truth."""
        return None if self.truth is None else self.truth.noise_free(session.name, trial)

    def kind(self, session: Session, trial: int) -> str:
        """The kind of out-of-distribution stimulus; "" for natural films and where it is unknown."""
        return (self.truth.kind(session.name, trial) if self.truth else None) or ""

    def film(self, session: Session, trial: int) -> str:
        """What all repeats of a trial's film share: its name, else its perceptual hash."""
        named = self.truth.video_id(session.name, trial) if self.truth else None
        return named or as_text(session.film(trial))

    def known(self, session: Session, tier: str) -> bool:
        """Whether responses to the tier are known, as far as its first few trials tell."""
        return any(
            self.response(session, trial) is not None for trial in session.trials(tier)[:_LOOKED_AT]
        )
