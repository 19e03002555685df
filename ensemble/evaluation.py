"""How good the ensemble is on trials whose responses are known, beside what it is measured against.

Only trials that no run was trained on count: the oracle tier unless it was trained on, and the test
tiers where a truth lies beside generated recordings or the recordings' responses are public.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from models.metrics import Array
from models.recordings.layout import Session
from models.recordings.truth import Truth, truth_folder
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
_LOOKED_AT = 3
"""Trials: responses of single ones may be lost, withheld ones are so for a whole tier."""


@dataclass(frozen=True)
class TierScores:
    """Single-trial correlations on one tier, in the server's units."""

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


class Answers:
    """Known responses: those of the recordings, else those of the truth of generated ones."""

    def __init__(self, truth: Truth | None = None) -> None:
        self.truth = truth

    @classmethod
    def beside(cls, data: Path, truth: Path | None = None) -> "Answers":
        """With the truth in the folder `truth`, else the one beside `data`, else none.

        Raises RecordingError where `truth` is given and holds none.
        """
        if truth is not None:
            return cls(Truth(truth))
        beside = truth_folder(data)
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

    def known(self, session: Session, tier: str) -> bool:
        """Whether responses to the tier are known, as far as its first few trials tell."""
        return any(
            self.response(session, trial) is not None for trial in session.trials(tier)[:_LOOKED_AT]
        )


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
        self._members: dict[int, Scoreboard] = {}
        self._others: dict[str, Scoreboard] = {}
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
        for index, prediction in enumerate(members):
            board = self._members.setdefault(index, Scoreboard(frames=self._frames))
            board.add(session, tier, kind, prediction, response)
        for name, prediction in {**others, **ceiling}.items():
            board = self._others.setdefault(name, Scoreboard(frames=self._frames))
            board.add(session, tier, kind, prediction, response)
        self._trials[tier] += 1
        self._mice[tier][session.name] = None

    def scores(self) -> tuple[TierScores, ...]:
        """What was collected, a tier after the other; tiers without a trial are left out."""
        return tuple(self._scores_of(tier) for tier in self.tiers if self._trials[tier])

    def _scores_of(self, tier: str) -> TierScores:
        ensemble = self._others[ENSEMBLE]
        return TierScores(
            tier=tier,
            trials=self._trials[tier],
            mice=tuple(self._mice[tier]),
            members=tuple(board.score(tier) for board in self._members.values()),
            ensemble=ensemble.score(tier),
            floor=self._optional(FLOOR, tier),
            ceiling=self._optional(CEILING, tier),
            kinds={kind: ensemble.kind_score(tier, kind) for kind in ensemble.kinds(tier) if kind},
        )

    def _optional(self, name: str, tier: str) -> float | None:
        """The score of what need not be there; None where it is not."""
        score = self._others[name].score(tier) if name in self._others else math.nan
        return None if math.isnan(score) else score
