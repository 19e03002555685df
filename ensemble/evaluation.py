"""How good the ensemble is on trials whose responses are known, beside what it is measured against.

Only trials that no run was trained on count: the oracle tier unless it was trained on, and the test
tiers where a truth lies beside generated recordings or the recordings' responses are public.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ensemble.tally import Tally
from models.answers import Answers
from models.metrics import Array
from models.recordings.session import Session

TITLES = {
    "oracle": "oracle",
    "live_test_main": "main live",
    "final_test_main": "main final",
    "live_test_bonus": "OOD live",
    "final_test_bonus": "OOD final",
}
"""The tiers that can be evaluated, in the order of tables, and what tables call them."""
ENSEMBLE, PLAIN, FLOOR, CEILING = "ensemble", "plain", "floor", "ceiling"


@dataclass(frozen=True)
class TierScores:
    """Single-trial correlations on one tier, in the server's units or in raw ones."""

    tier: str
    trials: int
    mice: tuple[str, ...]
    """The scored mice with known responses; the others are not in these scores."""
    members: tuple[float, ...]
    """Of each member alone, in the order of their scores on the held-out trials."""
    ensemble: float
    plain: float | None = None
    """Of the members' plain mean, where that is not the ensemble."""
    floor: float | None = None
    ceiling: float | None = None
    """Of the noise-free responses; no model is better on average."""
    kinds: dict[str, float] = field(default_factory=dict)
    """Of the ensemble on each kind of out-of-distribution stimulus; empty where none is known."""

    @property
    def best_single(self) -> float:
        """Of the member that was the best on the held-out trials."""
        return self.members[0]

    @property
    def mean_of_singles(self) -> float:
        """The mean score of the members alone."""
        return float(np.mean(self.members))

    @property
    def gain(self) -> float:
        """How far the ensemble is above its best single member."""
        return self.ensemble - self.best_single

    @property
    def share(self) -> float | None:
        """The part of the ceiling that the ensemble reaches."""
        return self.ensemble / self.ceiling if self.ceiling else None


def tiers_to_evaluate(
    sessions: Iterable[Session], answers: Answers, trained_on: Iterable[str]
) -> list[str]:
    """The tiers of TITLES that no run was trained on and some response to which is known."""
    scored, seen = list(sessions), set(trained_on)
    return [
        tier
        for tier in TITLES
        if tier not in seen and any(answers.known(session, tier) for session in scored)
    ]


class Evaluation:
    """Collects the scores of M members, their ensemble, floor and ceiling, trial by trial."""

    def __init__(self, answers: Answers, tiers: Sequence[str], frames: int = 249) -> None:
        self.answers, self.tiers = answers, tuple(tiers)
        self.tally = Tally(frames)
        """All that was collected: what can be stored, and joined with another evaluation's."""

    def response(self, session: Session, trial: int) -> Array | None:
        """(N, T) responses to hold a trial's predictions against; None where it is not evaluated."""
        wanted = session.tiers[trial] in self.tiers
        return self.answers.response(session, trial) if wanted else None

    def add(
        self, session: Session, trial: int, predictions: Mapping[str, Array], response: Array
    ) -> None:
        """Add who predicted (N, T) of a trial in raw units: members "0", "1", ..., ENSEMBLE, others."""
        tier, kind = session.tiers[trial], self.answers.kind(session, trial)
        for name, prediction in predictions.items():
            self.tally.add(name, session, tier, kind, prediction, response)

    def end(self, session: Session, trial: int, response: Array) -> None:
        """Count a trial to which everybody was added, and add the ceiling where it is known."""
        noise_free = self.answers.noise_free(session, trial)
        if noise_free is not None:
            self.add(session, trial, {CEILING: noise_free}, response)
        self.tally.count(session.tiers[trial], session.name)

    def scores(self, normalise: bool = True) -> tuple[TierScores, ...]:
        """What was collected, a tier after the other; tiers without a trial are left out.

        In the server's units (responses times their precision), or in raw ones.
        """
        counted = {tier for tier, _ in self.tally.counts}
        return tuple(self._scores_of(tier, normalise) for tier in self.tiers if tier in counted)

    def _scores_of(self, tier: str, normalise: bool) -> TierScores:
        ensemble = self.tally.board(ENSEMBLE, normalise)
        trials = {mouse: count for (of, mouse), count in self.tally.counts.items() if of == tier}
        return TierScores(
            tier=tier,
            trials=sum(trials.values()),
            mice=tuple(trials),
            members=tuple(self._score(name, tier, normalise) for name in self.tally.members),
            ensemble=ensemble.score(tier),
            plain=self._optional(PLAIN, tier, normalise),
            floor=self._optional(FLOOR, tier, normalise),
            ceiling=self._optional(CEILING, tier, normalise),
            kinds={kind: ensemble.kind_score(tier, kind) for kind in ensemble.kinds(tier) if kind},
        )

    def _score(self, name: str, tier: str, normalise: bool) -> float:
        return self.tally.board(name, normalise).score(tier)

    def _optional(self, name: str, tier: str, normalise: bool) -> float | None:
        """The score of what need not be there; None where it is not."""
        score = self._score(name, tier, normalise)
        return None if math.isnan(score) else score
