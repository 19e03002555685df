"""What confirming a search has found: `<search>/confirm/confirm.json`, and the table of it.

    search              the search's name
    metric              what the scores are of: single-trial correlation on the held-out fold
    folds, seeds        that were asked for; a run's seed is in seeds[block's `seed`]
    winner              number of the trial with the best mean of those that can still win; or null
    blocks              complete blocks: those in which everyone who then ran has a score
    candidates          by the search's rank, each:
      number, search_score
      state             confirmed    has a score in every block
                        stopped      was worse than who led then, as `reason` says, before it had
                                     them all; it does not take part again
                        failed       a run failed, as `reason` says
                        unfinished   has blocks left to train
      reason            of a confirmed one as well, if it was found to be worse; else ''
      mean, spread      of its blocks' scores; standard deviation
      difference, standard_error     to the winner's, over the blocks that both have
      optimism          search score minus mean score on the search's own fold: like with like, what
                        the choice of the luckiest and other seeds have added to the search's score
      optimism_all      search score minus mean score on all folds: with what is special of that fold
      blocks            each {fold, seed, score, folder}; `folder` is the run's, within the search's

Whatever is not known is null. A member of an ensemble is a confirmed candidate: its runs are complete,
with weights and predictions of the trials that they held out. What stays of the others is said in
`search.confirm.keeping`.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel
from rich.table import Table
from rich.text import Text

from models.console import table
from models.errors import RunError
from models.files import write_json
from models.runs import CONFIRM, SCORE
from search.confirm.candidates import Block, Candidate
from search.confirm.racing import Race, mean_and_error

State = Literal["confirmed", "stopped", "failed", "unfinished"]
ORDER: tuple[State, ...] = ("confirmed", "unfinished", "stopped", "failed")
COLUMNS = ("trial", "state", "blocks", "mean", "spread", "to the best", "search", "optimism")


class Run(BaseModel):
    """A block that a candidate is complete in."""

    fold: int
    seed: int
    """Its place in the list of seeds."""
    score: float
    folder: str


class Confirmed(BaseModel):
    """One candidate; see the module's docstring."""

    number: int
    state: State
    reason: str
    search_score: float
    mean: float | None
    spread: float | None
    difference: float | None = None
    standard_error: float | None = None
    optimism: float | None
    optimism_all: float | None
    blocks: list[Run]


class Confirmation(BaseModel):
    """The content of confirm.json."""

    search: str
    metric: str = SCORE
    folds: list[int]
    seeds: list[int]
    winner: int | None
    blocks: int
    candidates: list[Confirmed]


def write_confirmation(folder: Path, found: Confirmation) -> None:
    """Write confirm.json of the search in `folder`."""
    write_json(folder / CONFIRM / "confirm.json", found.model_dump(mode="json"))


def read_confirmation(folder: Path) -> Confirmation:
    """The confirmation of the search in `folder`. Raises RunError where there is none."""
    path = folder / CONFIRM / "confirm.json"
    if not path.is_file():
        name = folder.name
        message = f"the search '{name}' is not confirmed"
        raise RunError(message, f"Confirm it: 'python -m search confirm {name}'.")
    return Confirmation.model_validate_json(path.read_text())


def judged(
    candidate: Candidate,
    blocks: Sequence[Block],
    scores: Sequence[float | None],
    race: Race,
    failure: str,
    dropped: bool = False,
) -> Confirmed:
    """One candidate from its scores in the blocks.

    `failure` is the reason if a run has failed, `dropped` whether it was stopped for good.
    """
    runs = [
        Run(fold=block.fold, seed=block.index, score=score, folder=candidate.key(block))
        for block, score in zip(blocks, scores, strict=True)
        if score is not None and not math.isnan(score)
    ]
    own = [run.score for run in runs if run.fold == candidate.fold]
    everywhere = [run.score for run in runs]
    whole = len(runs) == len(blocks) and not dropped
    state, reason = _state(candidate.number, whole, race, failure)
    return Confirmed(
        number=candidate.number,
        state=state,
        reason=reason,
        search_score=candidate.score,
        mean=_known(float(np.mean(everywhere))) if runs else None,
        spread=float(np.std(everywhere, ddof=1)) if len(runs) > 1 else None,
        optimism=candidate.score - float(np.mean(own)) if own else None,
        optimism_all=candidate.score - float(np.mean(everywhere)) if runs else None,
        blocks=runs,
    )


def _state(number: int, whole: bool, race: Race, failure: str) -> tuple[State, str]:
    reason = race.stopped.get(number, "")
    if failure:
        return "failed", failure
    if whole:
        return "confirmed", reason
    return ("stopped" if reason else "unfinished"), reason


def compared(one: Confirmed, winner: Confirmed) -> Confirmed:
    """A candidate with its difference to the winner, over the blocks that both have."""
    theirs = {(run.fold, run.seed): run.score for run in winner.blocks}
    pairs = [
        run.score - theirs[key] for run in one.blocks if (key := (run.fold, run.seed)) in theirs
    ]
    mean, error = mean_and_error(pairs)
    return one.model_copy(update={"difference": _known(mean), "standard_error": _known(error)})


def _known(value: float) -> float | None:
    """A value as JSON has it."""
    return value if math.isfinite(value) else None


def confirmation_table(found: Confirmation) -> Table:
    """A line a candidate: who can win first, by mean, then the others by how far they are behind."""
    whole = len(found.folds) * len(found.seeds)
    folds = ", ".join(map(str, found.folds))
    seeds = f"{len(found.seeds)} new seed{'s' if len(found.seeds) > 1 else ''}"
    made = table(f"'{found.search}' trained again on folds {folds} with {seeds}", *COLUMNS, left=2)
    if any(one.reason for one in found.candidates):
        made.add_column("reason", overflow="fold")
    for one in ranked(found):
        best = one.number == found.winner
        made.add_row(
            str(one.number),
            one.state,
            f"{len(one.blocks)}/{whole}",
            _number(one.mean),
            _number(one.spread),
            "best" if best else _with_error(one.difference, one.standard_error),
            _number(one.search_score),
            _number(one.optimism, "+.4f"),
            *([Text(one.reason)] if len(made.columns) > len(COLUMNS) else []),
        )
    return made


def ranked(found: Confirmation) -> list[Confirmed]:
    """As the table has them."""

    def key(one: Confirmed) -> tuple[int, float]:
        can_win = one.state in ("confirmed", "unfinished")
        value = one.mean if can_win else one.difference
        return 0 if can_win else ORDER.index(one.state), -math.inf if value is None else -value

    return sorted(found.candidates, key=key)


def explanation(found: Confirmation, folder: Path) -> list[str]:
    """Lines below the table: what its optimism is, and what to do about failed runs in `folder`."""
    lines = []
    known = [one.optimism for one in found.candidates if one.optimism is not None]
    if known:
        words = "the search's score minus the mean of new seeds on the search's own fold"
        lines.append(f"optimism: {words}; {np.mean(known):+.4f} on average")
    winner = next((one for one in found.candidates if one.number == found.winner), None)
    if winner is not None and winner.optimism_all is not None and len(found.folds) > 1:
        lines.append(f"trial {winner.number} over all these folds: {winner.optimism_all:+.4f}")
    if any(one.state == "failed" for one in found.candidates):
        lines.append(f"to train a failed run again, remove its folder in {folder / CONFIRM}")
    return lines


def _number(value: float | None, form: str = ".4f") -> str:
    return "-" if value is None else format(value, form)


def _with_error(value: float | None, error: float | None) -> str:
    return _number(value, "+.4f") + ("" if error is None else f" ± {error:.4f}")
