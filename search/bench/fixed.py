"""The strategy that searches for nothing: one configuration with other seeds until the minutes are over.

A search's own proposals never differ in the seed alone, so that these runs are trained without one.
"""

import itertools
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from models.errors import RunError
from models.runs import RunFolder
from models.training.failure import TrainingFailed, TrainingPaused
from search.bench.recipe import Quality
from search.bench.timed import TimedFit
from search.confirm.candidates import Block, Candidate, confirm_seed
from search.space import Flat, build

MARK = int.from_bytes(b"fixed", "big")


def train_fixed(recipe: Quality, place: Path, data: Path, seed: int) -> tuple[int, list[Candidate]]:
    """Train until the minutes of processor time are over; how many runs ended, and the complete ones.

    The best comes first. Raises RunError where none is complete.
    """
    end = time.process_time() + 60 * recipe.minutes

    def over() -> bool:
        return time.process_time() >= end

    ended, found = 0, []
    for number in itertools.count():
        if over():
            break
        flat = {**recipe.fixed_flat, "seed": run_seed(seed, number)}
        folder = place / "runs" / str(number)
        score = train(folder, flat, data, over)
        ended += RunFolder(folder).status() is not None
        if score is not None:
            found.append(Candidate(number, flat, score, build(flat).data.fold))
    if not found:
        message = f"no run of the fixed configuration was complete in {recipe.minutes:g} minutes"
        raise RunError(message, "Give more --minutes.")
    return ended, sorted(found, key=lambda each: -each.score)


def confirm_fixed(
    recipe: Quality, place: Path, data: Path, best: list[Candidate], seed: int
) -> float:
    """Train each of `best` again on the recipe's folds with a seed of its own; the best mean.

    A search's best is the best of as many confirmed trials: here is as much luck in the choice. Raises
    RunError where none could be trained.
    """
    means = [_confirmed(recipe, place, data, each, seed) for each in best]
    known = [mean for mean in means if mean is not None]
    if not known:
        raise RunError(
            "no run of the fixed configuration could be trained again", "See its folder."
        )
    return max(known)


def run_seed(seed: int, number: int) -> int:
    """The seed of a run, from the strategy's."""
    return int(np.random.SeedSequence([seed, MARK, number]).generate_state(1)[0])


def train(folder: Path, flat: Flat, data: Path, over: Callable[[], bool]) -> float | None:
    """Train a run; its score, or None where it failed or `over` ended it."""
    try:
        fit = TimedFit(folder, build(flat), data, "cpu", over)
        while not fit.done:
            fit.train_epoch()
        fit.finish()
    except (TrainingFailed, TrainingPaused):
        return None
    return fit.score


def _confirmed(
    recipe: Quality, place: Path, data: Path, candidate: Candidate, seed: int
) -> float | None:
    number = candidate.number
    blocks = [Block(fold, number, confirm_seed(seed, number)) for fold in recipe.folds]
    scores = [
        train(candidate.run(place, block), candidate.configured(block), data, lambda: False)
        for block in blocks
    ]
    known = [score for score in scores if score is not None]
    return float(np.mean(known)) if len(known) == len(blocks) else None
