"""Blocks: groups of trials that show the same film, merged into a few of about equal size.

Whoever is scored on a block has not seen its films in any mouse.
"""

from collections.abc import Mapping

BLOCKS = 20


def merged(
    frames: Mapping[str, Mapping[str, int]],
    most: int = BLOCKS,
) -> dict[str, str]:
    """The block of each content group, from the frames that each mouse has of each group.

    At most `most` blocks, all of them about equally long in every mouse: the largest group first,
    each to the block whose mice have least of it so far. The same for the same frames, in any order.
    Raises ValueError for less than one block.
    """
    if most < 1:
        raise ValueError(f"there is at least one block; found {most}")
    shares = _shares(frames)
    ordered = sorted(shares, key=lambda group: (-sum(shares[group].values()), group))
    loads: list[dict[str, float]] = [{} for _ in range(min(most, len(ordered)))]
    blocks = {}
    for group in ordered:
        place = min(range(len(loads)), key=lambda i: _crowding(loads[i], shares[group], i))
        blocks[group] = f"{place:0{len(str(most - 1))}d}"
        for mouse, share in shares[group].items():
            loads[place][mouse] = loads[place].get(mouse, 0) + share
    return blocks


def _shares(frames: Mapping[str, Mapping[str, int]]) -> dict[str, dict[str, float]]:
    """Which part of each mouse's frames is of each group."""
    shares: dict[str, dict[str, float]] = {}
    for mouse, groups in sorted(frames.items()):
        whole = max(sum(groups.values()), 1)
        for group, count in sorted(groups.items()):
            shares.setdefault(group, {})[mouse] = count / whole
    return shares


def _crowding(
    load: Mapping[str, float], share: Mapping[str, float], place: int
) -> tuple[float, float, int]:
    """How much a block has already of these mice, then of all."""
    met = sum(load.get(mouse, 0) * part for mouse, part in share.items())
    return round(met, 12), round(sum(load.values()), 12), place
