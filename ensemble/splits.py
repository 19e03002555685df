"""Folds of blocks, and the score of predictions whose weights differ from fold to fold.

A neuron's correlation over all held-out blocks needs three sums of each block, made with the weights
that were fitted to the others; these sums add up, so the score is exact.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import add

import numpy as np

from ensemble.blocks import merged
from ensemble.covariance import Covariance
from ensemble.cross_products import Array64, CrossProducts
from ensemble.moments import Moments


@dataclass(frozen=True)
class Fold:
    """Blocks that are scored, and those that are fitted to; no block is both."""

    held: tuple[str, ...]
    rest: tuple[str, ...]


def splits(moments: Mapping[str, Moments], folds: int) -> list[Fold]:
    """At most `folds` folds, balanced by frames in every mouse; each block is held out once.

    Fewer where there are fewer blocks with a frame; one block, or none, cannot be split and gives no
    fold.
    """
    frames = {
        mouse: {block: int(sums.counts.max()) for block, sums in each.each_block()}
        for mouse, each in moments.items()
    }
    fold_of = merged(frames, folds)
    names = sorted(set(fold_of.values()))
    if len(names) < 2:
        return []
    return [
        Fold(
            tuple(sorted(block for block, fold in fold_of.items() if fold == name)),
            tuple(sorted(block for block, fold in fold_of.items() if fold != name)),
        )
        for name in names
    ]


class HeldOut:
    """Collects what weights make of blocks that they were not fitted to."""

    def __init__(self) -> None:
        self._blocks: dict[str, dict[str, CrossProducts]] = {}

    def add(
        self,
        moments: Mapping[str, Moments],
        blocks: Iterable[str],
        weights: Callable[[str], Array64],
    ) -> None:
        """Add some blocks of every mouse, with its weights (M,) or (N, M)."""
        held = list(blocks)
        for mouse, each in moments.items():
            for block, sums in each.of_blocks(held).each_block():
                self._blocks.setdefault(block, {})[mouse] = sums.mixed(weights(mouse))

    def score(self) -> float:
        """The competition's score over all blocks; NaN where there is none."""
        return _score(self._blocks.values())

    def without_each(self) -> dict[str, float]:
        """The score without each block, by block; NaN where no other is left."""
        return {
            block: _score(sums for other, sums in self._blocks.items() if other != block)
            for block in sorted(self._blocks)
        }


def jackknife_error(without_each: Iterable[float]) -> float:
    """The standard error of an estimate from its values without each of the blocks; NaN of one."""
    values = np.array(list(without_each))
    if len(values) < 2:
        return float("nan")
    return float(np.sqrt((len(values) - 1) * values.var()))


def _score(blocks: Iterable[Mapping[str, CrossProducts]]) -> float:
    by_mouse: dict[str, list[CrossProducts]] = {}
    for block in blocks:
        for mouse, sums in block.items():
            by_mouse.setdefault(mouse, []).append(sums)
    alone = np.ones(1)
    scores = [Covariance.of(reduce(add, sums)).score(alone) for sums in by_mouse.values()]
    return float(np.mean(scores)) if scores else float("nan")
