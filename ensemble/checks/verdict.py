"""What the checker says about one file or zip."""

from dataclasses import dataclass
from pathlib import Path

from ensemble.columns import TrialForm
from ensemble.naming import Scheme
from models.errors import Problem


@dataclass(frozen=True)
class Report:
    """What a submission file holds and what is wrong with it; None for what could not be told."""

    path: Path
    bytes: int
    problems: tuple[Problem, ...] = ()
    """Why the server would refuse it or score something else than was meant."""
    warnings: tuple[Problem, ...] = ()
    """What the server takes and its owner should look at."""
    schemes: tuple[Scheme, ...] = ()
    """The schemes of names that this name belongs to."""
    tier: str | None = None
    """The tier that the name stands for or, where the name is wrong, that most rows are of."""
    rows: int = 0
    mice: tuple[str, ...] = ()
    """The scored mice that have rows, in the order of their first."""
    frames: int | None = None
    """249 or 250: the values of a trial of 300 frames (see `models.metrics.scored_frames`)."""
    trial_form: TrialForm | None = None
    """Whether trials are written as 1 ("int") or as '1.npy' ("file")."""
    values: int = 0
    members: tuple["Report", ...] = ()
    """A zip's files; their problems are among its own."""

    unchecked: tuple[str, ...] = ()
    """What could not be told without recordings."""

    @property
    def ok(self) -> bool:
        """Whether the server would take it, as far as it was checked."""
        return not self.problems
