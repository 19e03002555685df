"""Looking at a picture through a window that moves by fractions of a pixel."""

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from models.recordings.layout import HEIGHT, WIDTH

Array = npt.NDArray[np.float32]


def windows(frames: Array, top: npt.ArrayLike, left: npt.ArrayLike) -> Array:
    """(T, HEIGHT, WIDTH) cut out of (T, h, w) at each frame's `top` and `left`, in pixels.

    Positions between pixels are interpolated linearly. They must lie within 0 .. h - HEIGHT - 1 and
    0 .. w - WIDTH - 1, both ends included up to rounding; an IndexError is raised beyond.
    """
    y, x = np.asarray(top, dtype=np.float32), np.asarray(left, dtype=np.float32)
    row, column = np.floor(y).astype(int), np.floor(x).astype(int)
    every = sliding_window_view(frames, (HEIGHT + 1, WIDTH + 1), axis=(1, 2))
    cut = every[np.arange(len(frames)), row, column]  # (T, HEIGHT + 1, WIDTH + 1)
    down, right = (y - row)[:, None, None], (x - column)[:, None, None]
    cut = cut[:, :-1] + down * (cut[:, 1:] - cut[:, :-1])
    result: Array = cut[..., :-1] + right * (cut[..., 1:] - cut[..., :-1])
    return result


def bounce(path: npt.NDArray[np.float64], limit: float) -> npt.NDArray[np.float64]:
    """Reflect a path of any extent into 0 .. `limit`."""
    return limit - np.abs(path % (2 * limit) - limit)
