"""One run's scores on every tier whose responses are known, beside the ceiling."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from models.answers import Answers
from models.console import table
from models.errors import RecordingError
from models.recordings.data_set import open_sessions
from models.recordings.layout import BONUS_TIERS, TEST_TIERS
from models.recordings.where import Where
from models.scoring import Scoreboard
from models.trained import TrainedRun

SCORED_TIERS = ("oracle", *TEST_TIERS)


@dataclass(frozen=True)
class TierScore:
    """A tier's score; NaN where there is no run, or no known ceiling."""

    tier: str
    kind: str
    """The kind of stimulus; empty for the whole tier."""
    score: float
    ceiling: float
    trained_on: bool = False
    """Whether the run learnt from this tier: its score there is no measure of quality."""


def score_run(
    data: Where,
    run: Path | None,
    truth: Path | None,
    normalise: bool,
    device: str = "auto",
    mice: Collection[str] | None = None,
    frames: int = 249,
) -> list[TierScore]:
    """Scores of each tier, and of each kind of stimulus where these are known.

    Of these mice, or of all; `frames` is how many of a trial of 300 frames are scored. Raises
    RecordingError where no tier has known responses.
    """
    answers = Answers.beside(data, truth)
    trained = TrainedRun.open(run, device) if run is not None else None
    scores, ceilings = Scoreboard(normalise, frames), Scoreboard(normalise, frames)
    for session in (s for s in open_sessions(data) if mice is None or s.name in mice):
        for trial in session.trials(SCORED_TIERS):
            response = answers.response(session, trial)
            if response is None:
                continue
            tier, kind = session.tiers[trial], answers.kind(session, trial)
            if trained is not None:
                scores.add(session, tier, kind, trained.predict(session, trial), response)
            expected = answers.noise_free(session, trial)
            if expected is not None:
                ceilings.add(session, tier, kind, expected, response)
    learnt = trained.record.config.data.tiers if trained is not None else ()
    rows = [row for tier in SCORED_TIERS for row in _rows(tier, scores, ceilings, tier in learnt)]
    if not rows:
        raise RecordingError(f"{data} has no known responses to score", "Give --truth DIR.")
    return rows


def _rows(tier: str, scores: Scoreboard, ceilings: Scoreboard, trained_on: bool) -> list[TierScore]:
    kinds = sorted({*scores.kinds(tier), *ceilings.kinds(tier)})
    if not kinds:
        return []
    whole = TierScore(tier, "", scores.score(tier), ceilings.score(tier), trained_on)
    each = (
        TierScore(tier, kind, scores.kind_score(tier, kind), ceilings.kind_score(tier, kind))
        for kind in kinds
        if tier in BONUS_TIERS and kind
    )
    return [whole, *each]


def score_table(rows: list[TierScore], normalise: bool) -> Table:
    """The scores as a table; a dash where something is not known."""
    units = "the server's units" if normalise else "raw units"
    title = f"Single-trial correlation in {units}"
    made = table(title, "tier", "stimulus", "score", "ceiling", "share", left=2)
    for row in rows:
        cells = (f"{value:.3f}" if value == value else "-" for value in (row.score, row.ceiling))
        share = row.score / row.ceiling if row.ceiling else float("nan")
        tier = f"{row.tier} (trained on)" if row.trained_on else row.tier
        made.add_row(tier, row.kind, *cells, f"{share:.0%}" if share == share else "-")
    return made
