"""Folds by content: trials that show the same film are held out together, in every mouse.

A film is known by perceptual hashes of a few fixed frames. Films whose hashes differ in a small
share of their bits are one group; the fold follows from the group's hash alone, so that it is the
same in every run and on every machine.
"""

import hashlib
from collections.abc import Sequence

import imagehash
import numpy as np
import numpy.typing as npt
from PIL import Image

HASHED_FRAMES = (7, 19, 41, 67, 89, 113, 139, 167, 193, 223)
"""Frames of the film that are looked at; those beyond its end count as its last.

Uneven steps: at even ones a grating that drifts left looks like one that drifts right.
"""
NEAR = 0.08
"""Largest share of differing bits between two hashes of the same film."""

Bits = npt.NDArray[np.bool_]


def film_hash(video: npt.NDArray[np.floating]) -> Bits:
    """(64 * frames,) bits of a film (T, H, W) of grey values 0..255."""
    frames = [video[min(frame, len(video) - 1)] for frame in HASHED_FRAMES]
    images = (Image.fromarray(np.clip(frame, 0, 255).astype(np.uint8)) for frame in frames)
    return np.concatenate([imagehash.phash(image).hash.ravel() for image in images])


def content_groups(hashes: Sequence[Bits]) -> list[str]:
    """The group of each film, called by the smallest hash in it (hexadecimal)."""
    distinct, place = np.unique(np.array(hashes), axis=0, return_inverse=True)
    leaders = _linked(distinct)
    names = [np.packbits(distinct[leader]).tobytes().hex() for leader in leaders]
    return [names[index] for index in place.ravel()]


def fold_of_group(group: str, folds: int) -> int:
    """The fold of a group: uniform over groups, and the same for ever."""
    digest = hashlib.sha256(bytes.fromhex(group)).digest()
    return int.from_bytes(digest[:8], "big") % folds


def _linked(distinct: Bits) -> list[int]:
    """For each hash the first one (in sorted order) that a chain of near ones connects it to."""
    signs = distinct.astype(np.float32) * 2 - 1
    near = (signs @ signs.T) > signs.shape[1] * (1 - 2 * NEAR)
    leaders = np.arange(len(distinct))
    while True:
        # Everyone takes the smallest leader among its neighbours until nothing changes.
        taken = np.where(near, leaders[None, :], len(leaders)).min(axis=1)
        if (taken == leaders).all():
            return [int(leader) for leader in leaders]
        leaders = taken
