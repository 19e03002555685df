"""Moments of a mouse's held-out trials, a block of trials at a time: one pass instead of predictions.

From them come the score of any weighted mean of the members, on any blocks, without a prediction in
memory. A block is a group of trials that are held out together, see `ensemble.blocks`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from operator import add

import numpy as np

from ensemble.covariance import Covariance
from ensemble.cross_products import Array64, CrossProducts
from models.metrics import Array, scored_frames

Trial = tuple[str, Array | Sequence[Array], Array]
"""Block, M predictions (N, T) and response (N, T) of a trial, in raw units or the server's."""


@dataclass(frozen=True, eq=False)
class Moments:
    """The sums of one mouse's M members and N neurons, by block."""

    blocks: Mapping[str, CrossProducts]

    @classmethod
    def collect(cls, trials: Iterable[Trial], longest: int = 249) -> "Moments":
        """One pass over trials in any order; of each only the scored frames count.

        `longest` is how many frames of a long trial are scored, see `scored_frames`. One trial is in
        memory at a time. ValueError for arrays that do not fit together.
        """
        blocks: dict[str, CrossProducts] = {}

        def sums_of(trial: Trial) -> tuple[str, CrossProducts]:
            block, predictions, response = trial
            frames = scored_frames(response.shape[-1], longest)
            cut = [each[..., frames] for each in predictions]
            return block, CrossProducts.of(cut, response[..., frames])

        # A loop over the trials would hold each of them until the next one is made.
        for block, sums in map(sums_of, trials):
            blocks[block] = blocks[block] + sums if block in blocks else sums
        return cls(blocks)

    def __add__(self, other: "Moments") -> "Moments":
        """Of the trials of both, which are different ones; blocks of one name become one."""
        both = dict(self.blocks)
        for block, sums in other.blocks.items():
            both[block] = both[block] + sums if block in both else sums
        return Moments(both)

    def of_blocks(self, ids: Iterable[str]) -> "Moments":
        """Those of some blocks; ones that this mouse has no trial of are passed over."""
        return Moments({block: self.blocks[block] for block in ids if block in self.blocks})

    def each_block(self) -> Iterator[tuple[str, CrossProducts]]:
        """The blocks in which a frame counts, by name."""
        return ((b, sums) for b, sums in sorted(self.blocks.items()) if sums.counts.any())

    @property
    def is_empty(self) -> bool:
        """Whether there is no frame that counts."""
        return not any(sums.counts.any() for sums in self.blocks.values())

    @property
    def members(self) -> int:
        """M; 0 without any trial."""
        return next((sums.members for sums in self.blocks.values()), 0)

    @property
    def left_out(self) -> int:
        """Frames times neurons that do not count, because something in them is not finite."""
        return sum(sums.left_out for sums in self.blocks.values())

    @property
    def nbytes(self) -> int:
        """Memory of all blocks."""
        return sum(sums.nbytes for sums in self.blocks.values())

    @cached_property
    def total(self) -> CrossProducts:
        """Over all blocks; ValueError without any trial."""
        if not self.blocks:
            raise ValueError("no trial was collected, so there is nothing to correlate")
        return reduce(add, (sums for _, sums in sorted(self.blocks.items())))

    @cached_property
    def covariance(self) -> Covariance:
        """Over all blocks, as rules want it."""
        return Covariance.of(self.total)

    def correlation(self, weights: Array64) -> Array64:
        """(N,) of the weighted mean with weights (M,) or (N, M); 0 where undefined, NaN nowhere."""
        return self.covariance.correlation(np.asarray(weights, dtype=np.float64))

    def score(self, weights: Array64) -> float:
        """The mean of `correlation` over neurons: this mouse's part of the competition's score."""
        return float(self.correlation(weights).mean())

    def leave_one_out(self) -> Array64:
        """(M,) what each member is worth: how much the plain mean's score falls without it.

        Below 0 where the others are better without it; NaN where there are no others.
        """
        count = self.members
        if count == 1:
            return np.full(1, np.nan)
        without = (1 - np.eye(count)) / (count - 1)
        everyone = self.score(np.full(count, 1 / count))
        return everyone - np.array([self.score(weights) for weights in without])

    def member_correlations(self) -> Array64:
        """(M, M) correlations of the members with each other, mean over neurons."""
        return self.covariance.between_members()


def bytes_needed(members: int, neurons: int, blocks: int) -> int:
    """Memory of the moments of one mouse."""
    variables = members + 1
    return 8 * neurons * blocks * (1 + 2 * variables + variables * (variables + 1) // 2)
