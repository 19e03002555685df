"""The scored frames of what is known of every frame of a recording."""

import numpy as np
import numpy.typing as npt

from models.metrics import SKIPPED_FRAMES

Array = npt.NDArray[np.floating]


def scored_part(every: Array, frames: int, later: int = 0) -> Array | None:
    """(N, F) of (N, T), for the `frames` values of a prediction; (N, 1) of (N, 1).

    With `later` of the frames that come so many later. None where T is too short.
    """
    if every.shape[1] == 1:
        return every
    start = SKIPPED_FRAMES + later
    return every[:, start : start + frames] if start + frames <= every.shape[1] else None
