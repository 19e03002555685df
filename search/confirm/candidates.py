"""Who is to be confirmed, and on which blocks: the best trials of a search, all folds, new seeds."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.config import DataConfig
from models.errors import RunError, UserError
from models.runs import CONFIRM
from search.scoreboard import Row
from search.space import Flat, build

ALL = "all"
"""What is asked for where every fold is meant."""


@dataclass(frozen=True)
class Block:
    """A fold and a seed: what all candidates are trained with once, so that they can be paired."""

    fold: int
    """Held out."""
    index: int
    """Of the seed."""
    seed: int
    """Of the run."""

    @property
    def name(self) -> str:
        """Of the run's folder."""
        return f"fold{self.fold}-seed{self.index}"


@dataclass(frozen=True)
class Candidate:
    """A trial whose configuration is trained again."""

    number: int
    flat: Flat
    score: float
    """The search's own."""
    fold: int
    """The fold that the search's score is of."""

    def key(self, block: Block) -> str:
        """Of a run in the records of the search, and its folder within the search's."""
        return f"{CONFIRM}/{self.number}/{block.name}"

    def run(self, search: Path, block: Block) -> Path:
        """The folder of a run."""
        return search / self.key(block)

    def configured(self, block: Block) -> Flat:
        """The configuration of a run: the trial's but for fold and seed."""
        return {**self.flat, "data.fold": block.fold, "seed": block.seed}


def best_candidates(rows: Sequence[Row], top: int, name: str) -> list[Candidate]:
    """The best complete trials of `rows`, which have the complete ones first, best first.

    Raises RunError where there is none.
    """
    complete = [row for row in rows if row.state == "complete"][:top]
    found = [
        Candidate(row.number, dict(row.flat), row.score, build(row.flat).data.fold)
        for row in complete
        if row.score is not None
    ]
    if not found:
        raise RunError(
            f"no trial of '{name}' is complete: there is nothing to confirm",
            f"Go on with 'python -m search resume {name}', or see 'python -m search status {name}'.",
        )
    return found


def shared_data(candidates: Sequence[Candidate]) -> DataConfig:
    """The folds and tiers that all candidates have in common, without which none can be paired.

    Raises UserError where they differ.
    """
    data = {each.number: build(each.flat).data for each in candidates}
    dealt = {
        number: f"{each.folds} folds of {'+'.join(each.tiers)}" for number, each in data.items()
    }
    if len(set(dealt.values())) > 1:
        found = ", ".join(f"trial {number} has {words}" for number, words in dealt.items())
        raise UserError(
            f"candidates are compared on the same held-out trials; {found}",
            "Search with --set data.folds=5, say; or confirm fewer with --top.",
        )
    return data[candidates[0].number]


def chosen_folds(text: str, folds: int) -> list[int]:
    """The folds that are asked for: 'all', or some of 0 to `folds` - 1. Raises UserError."""
    if text == ALL:
        return list(range(folds))
    words = [word.strip() for word in text.split(",")]
    wrong = [word for word in words if not (word.isdecimal() and int(word) < folds)]
    if wrong:
        message = (
            f"--folds is '{ALL}', or numbers from 0 to {folds - 1} with commas between, since these "
            f"configurations have {folds} folds; found {', '.join(map(repr, wrong))}"
        )
        raise UserError(message, f"Give --folds {ALL}, or --folds 0,{folds - 1}.")
    return list(dict.fromkeys(map(int, words)))


def blocks_of(folds: Sequence[int], seeds: int, seed: int) -> list[Block]:
    """Every fold with the first seed, then with the second, ...: more seeds add blocks at the end."""
    return [
        Block(fold, index, confirm_seed(seed, index)) for index in range(seeds) for fold in folds
    ]


def confirm_seed(seed: int, index: int) -> int:
    """A seed that no trial of the search has had: the score that chose a trial was lucky with its own.

    The same for all candidates; from the search's seed.
    """
    mark = int.from_bytes(CONFIRM.encode(), "big")
    return int(np.random.SeedSequence([seed, mark, index]).generate_state(1)[0])
