"""How good the ensemble is on trials whose responses are known, beside what it is measured against.

Only trials that no run was trained on count: the oracle tier unless it was trained on, and the test
tiers where a truth lies beside generated recordings or the recordings' responses are public.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from models.answers import Answers
from models.metrics import Array
from models.recordings.session import Session
from models.scoring import Scoreboard

TITLES = {
    "oracle": "oracle",
    "live_test_main": "main live",
    "final_test_main": "main final",
    "live_test_bonus": "OOD live",
    "final_test_bonus": "OOD final",
}
"""The tiers that can be evaluated, in the order of tables, and what tables call them."""
ENSEMBLE, FLOOR, CEILING = "ensemble", "floor", "ceiling"


@dataclass(frozen=True)
class TierScores:
    """Single-trial correlations on one tier, in the server's units or in raw ones."""

    tier: str
    trials: int
    mice: tuple[str, ...]
    """The scored mice with known responses; the others are not in these scores."""
    members: tuple[float, ...]
    """Of each member alone, in the order of their held-out scores."""
    ensemble: float
    floor: float | None = None
    ceiling: float | None = None
    """Of the noise-free responses; no model is better on average."""
    kinds: dict[str, float] = field(default_factory=dict)
    """Of the ensemble on each kind of out-of-distribution stimulus; empty where none is known."""

    @property
    def best_single(self) -> float:
        """Of the member with the best held-out score."""
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
        self.answers, self.tiers, self._frames = answers, tuple(tiers), frames
        self._boards: dict[tuple[str, bool], Scoreboard] = {}
        self._trials = dict.fromkeys(tiers, 0)
        self._mice: dict[str, dict[str, None]] = {tier: {} for tier in tiers}

    def response(self, session: Session, trial: int) -> Array | None:
        """(N, T) responses to hold a trial's predictions against; None where it is not evaluated."""
        wanted = session.tiers[trial] in self.tiers
        return self.answers.response(session, trial) if wanted else None

    def add(
        self,
        session: Session,
        trial: int,
        members: Sequence[Array],
        others: Mapping[str, Array],
        response: Array,
    ) -> None:
        """Add a trial, (N, T) each in raw units: M members', ENSEMBLE's and perhaps FLOOR's."""
        tier, kind = session.tiers[trial], self.answers.kind(session, trial)
        noise_free = self.answers.noise_free(session, trial)
        ceiling = {} if noise_free is None else {CEILING: noise_free}
        named = {str(index): prediction for index, prediction in enumerate(members)}
        everyone: dict[str, Array] = {**named, **others, **ceiling}
        for name, prediction in everyone.items():
            for normalise in (True, False):
                board = self._board(name, normalise)
                board.add(session, tier, kind, prediction, response)
        self._trials[tier] += 1
        self._mice[tier][session.name] = None

    def scores(self, normalise: bool = True) -> tuple[TierScores, ...]:
        """What was collected, a tier after the other; tiers without a trial are left out.

        In the server's units (responses times their precision), or in raw ones.
        """
        return tuple(self._scores_of(tier, normalise) for tier in self.tiers if self._trials[tier])

    def _board(self, name: str, normalise: bool) -> Scoreboard:
        fresh = Scoreboard(normalise, self._frames)
        return self._boards.setdefault((name, normalise), fresh)

    def _scores_of(self, tier: str, normalise: bool) -> TierScores:
        ensemble = self._board(ENSEMBLE, normalise)
        members = dict.fromkeys(name for name, _ in self._boards if name.isdecimal())
        return TierScores(
            tier=tier,
            trials=self._trials[tier],
            mice=tuple(self._mice[tier]),
            members=tuple(self._board(member, normalise).score(tier) for member in members),
            ensemble=ensemble.score(tier),
            floor=self._optional(FLOOR, tier, normalise),
            ceiling=self._optional(CEILING, tier, normalise),
            kinds={kind: ensemble.kind_score(tier, kind) for kind in ensemble.kinds(tier) if kind},
        )

    def _optional(self, name: str, tier: str, normalise: bool) -> float | None:
        """The score of what need not be there; None where it is not."""
        score = self._board(name, normalise).score(tier)
        return None if math.isnan(score) else score
