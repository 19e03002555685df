"""Which epoch is the best, and which one is kept."""

import math
from collections.abc import Sequence
from typing import Literal


def best_epoch(scores: Sequence[float]) -> int:
    """The first epoch, from 1, with the highest of these scores of each; 0 where none is a number."""
    known = [(score, -epoch) for epoch, score in enumerate(scores, 1) if not math.isnan(score)]
    return -max(known)[1] if known else 0


def kept_epoch(scores: Sequence[float], keep: Literal["last", "best"]) -> int:
    """The epoch whose weights are kept; 0 before the first, the last while no score is a number."""
    return (best_epoch(scores) if keep == "best" else 0) or len(scores)
