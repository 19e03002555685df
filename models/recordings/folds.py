"""Folds by content: trials that show the same film are held out together, in every mouse.

A film is known by perceptual hashes of a few fixed frames. Films whose hashes differ in a small
share of their bits are one group; the fold follows from the group's hash alone, so that it is the
same in every run and on every machine. No rule can name groups by their content alone and never
rename one when near films join it; so groups that are `known` keep their names.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence

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


def film_hash(video: npt.NDArray[np.generic]) -> Bits:
    """(64 * frames,) bits of a film (T, H, W) of grey values 0..255; missing pixels count as 0."""
    frames = [np.nan_to_num(video[min(frame, len(video) - 1)]) for frame in HASHED_FRAMES]
    images = (Image.fromarray(np.clip(frame, 0, 255).astype(np.uint8)) for frame in frames)
    return np.concatenate([imagehash.phash(image).hash.ravel() for image in images])


def as_text(bits: Bits) -> str:
    """A hash in hexadecimal digits."""
    return np.packbits(bits).tobytes().hex()


def as_bits(text: str) -> Bits:
    """The hash of these hexadecimal digits."""
    return np.unpackbits(np.frombuffer(bytes.fromhex(text), np.uint8)).astype(np.bool_)


def content_groups(hashes: Sequence[Bits], known: Mapping[str, str] | None = None) -> list[str]:
    """The group of each film, called by the hash (hexadecimal) that most of its trials have.

    Of equally frequent ones the smallest. `known` are the groups of hashes that were grouped
    before: a group with a known hash keeps that name; one that joins several of them takes the
    name that most of its trials had.
    """
    groups = groups_of_hashes(hashes, known or {})
    return [groups[as_text(bits)] for bits in hashes]


def groups_of_hashes(hashes: Sequence[Bits], known: Mapping[str, str]) -> dict[str, str]:
    """The group of each hash as in `content_groups`, and of each known one, whoever shows it now.

    So known hashes that nobody shows connect those that are near to them.
    """
    if not hashes and not known:
        return {}
    every = np.array([*hashes, *map(as_bits, known)])
    distinct, place = np.unique(every, axis=0, return_inverse=True)
    texts = [as_text(bits) for bits in distinct]
    trials = np.bincount(place.ravel()[: len(hashes)], minlength=len(distinct))
    names = _names(_linked(distinct), texts, trials, known)
    return dict(zip(texts, names, strict=True))


def fold_of_group(group: str, folds: int) -> int:
    """The fold of a group: uniform over groups, and the same for ever."""
    digest = hashlib.sha256(bytes.fromhex(group)).digest()
    return int.from_bytes(digest[:8], "big") % folds


def _names(
    leaders: Sequence[int],
    texts: Sequence[str],
    trials: npt.NDArray[np.intp],
    known: Mapping[str, str],
) -> list[str]:
    """The name of each distinct hash's group."""
    new: dict[int, Counter[str]] = {leader: Counter() for leader in leaders}
    old: dict[int, Counter[str]] = {leader: Counter() for leader in leaders}
    for leader, text, count in zip(leaders, texts, trials.tolist(), strict=True):
        new[leader][text] += count
        if text in known:
            old[leader][known[text]] += count
    best = {leader: _most_frequent(old[leader] or new[leader]) for leader in new}
    return [best[leader] for leader in leaders]


def _most_frequent(names: Counter[str]) -> str:
    """Of equally frequent ones the smallest."""
    return min(names, key=lambda name: (-names[name], name))


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
