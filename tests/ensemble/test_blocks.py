import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ensemble.blocks import merged

GROUPS = st.dictionaries(st.text("abc", min_size=1, max_size=4), st.integers(1, 900), max_size=30)
FRAMES = st.dictionaries(st.sampled_from(["one", "two", "three"]), GROUPS)


@settings(deadline=None)
@given(FRAMES, st.integers(1, 5))
def test_every_group_is_in_one_of_the_blocks(frames, most):
    found = merged(frames, most)
    groups = {group for each in frames.values() for group in each}
    assert found.keys() == groups
    assert len(set(found.values())) == min(most, len(groups))


@settings(deadline=None)
@given(FRAMES)
def test_the_order_does_not_matter(frames):
    turned = {m: dict(reversed(groups.items())) for m, groups in reversed(frames.items())}
    assert merged(turned, 3) == merged(frames, 3)


def test_blocks_are_balanced_in_every_mouse():
    """Mice that share no film, and one that shares them all with the first."""
    first = {f"a{i}": 100 + 7 * (i % 5) for i in range(40)}
    frames = {"one": first, "two": {f"b{i}": 300 for i in range(20)}, "three": first}
    found = merged(frames, 10)
    for groups in frames.values():
        sizes = dict.fromkeys(found.values(), 0)
        for group, count in groups.items():
            sizes[found[group]] += count
        assert max(sizes.values()) <= 1.1 * min(sizes.values())


def test_a_long_group_of_one_mouse_does_not_keep_others_away():
    one = {"long": 400} | {f"a{i}": 100 for i in range(6)}
    found = merged({"one": one, "two": {f"b{i}": 100 for i in range(10)}}, 5)
    of_two = sorted(block for group, block in found.items() if group.startswith("b"))
    assert of_two == sorted([*"01234"] * 2)


def test_at_least_one_block():
    with pytest.raises(ValueError, match="found 0"):
        merged({}, 0)
