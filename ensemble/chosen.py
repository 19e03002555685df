"""An ensemble that is settled: its members with their weights, and how they came to be chosen."""

from collections.abc import Sequence
from dataclasses import dataclass

from ensemble.costs import budgets
from ensemble.heldout import held_out_moments
from ensemble.members import Candidates, Member
from ensemble.rules import Limits, Weights
from ensemble.rules.weights import equal
from ensemble.selection import Selection, select
from models.errors import UserError
from models.recordings.session import Session
from models.runs import RunFolder


@dataclass(frozen=True)
class Wanted:
    """What is asked of the choice."""

    pool: int = 20
    """Candidates at most, the best by their scores."""
    top: int = 10
    """Members at most."""
    rule: str | None = None
    """None for the simplest one that is as good as the best."""
    megabytes: float | None = None
    """Of the members' weights together; None for any."""
    gflop: float | None = None
    """Of predicting one trial with all members; None for any."""


@dataclass(frozen=True, eq=False)
class Ensemble:
    """See the module's docstring."""

    members: tuple[Member, ...]
    """That have a weight: the chosen ones, the best first, then the added ones."""
    weights: Weights
    """Of these members."""
    selection: Selection
    source: str
    """Where the members come from, in words."""
    left_out: dict[str, int]
    """Runs that were no candidates, by reason."""
    floor: RunFolder | None
    added: int = 0
    """Members at the end that were not chosen by a score."""

    @property
    def chosen(self) -> int:
        """Members that were chosen."""
        return len(self.members) - self.added

    @property
    def runs(self) -> tuple[RunFolder, ...]:
        """The members', then the floor."""
        floor = () if self.floor is None else (self.floor,)
        return (*(run for member in self.members for run in member.runs), *floor)

    @property
    def rule(self) -> str:
        """How members and weights were chosen, in words."""
        if not self.added:
            return self.selection.reason
        added = f"{self.added} imported, not chosen by a score"
        if not self.chosen:
            return f"the plain mean of {added}"
        share = f"with the weight of one in {len(self.members)} each"
        return f"{self.selection.reason}; and {added}, {share}"


def choose(candidates: Candidates, sessions: Sequence[Session], wanted: Wanted) -> Ensemble:
    """Choose on the trials that all candidates held out.

    Raises UserError for members that cannot be compared, and for limits that admit none.
    """
    pool = candidates.members[: wanted.pool]
    added = candidates.added
    if not pool:
        alone = Weights(equal(range(len(added)), len(added)))
        return _ensemble(candidates, added, alone, Selection())
    moments = held_out_moments(pool, sessions)
    labels = [member.label for member in pool]
    try:
        limits = Limits(wanted.top, budgets(pool, sessions, wanted.megabytes, wanted.gflop))
        selection, weights = select(moments, labels, limits, wanted.rule)
    except ValueError as error:
        remedy = "Allow more members, or a larger budget; or give other runs."
        raise UserError(f"no ensemble can be chosen: {error}", remedy) from error
    ranked = [labels.index(each.label) for each in selection.candidates]
    used = [member for member in ranked if member in weights.used]
    members = (*(pool[member] for member in used), *added)
    return _ensemble(candidates, members, weights.of_members(used).with_more(len(added)), selection)


def _ensemble(
    candidates: Candidates, members: tuple[Member, ...], weights: Weights, selection: Selection
) -> Ensemble:
    return Ensemble(
        members,
        weights,
        selection,
        candidates.source,
        candidates.left_out,
        candidates.floor,
        len(candidates.added),
    )
