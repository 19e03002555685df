"""When a search ends."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from search.ledger import SEARCH, Stretch
from search.limits import Limits, since_better
from search.scoreboard import Row, Scoreboard

NOISE = 0.01


def board_of(*ends):
    """A trial for each score or state, in this order."""
    board = Scoreboard(None)
    for number, end in enumerate(ends):
        row = board.rows[number] = Row(number, {}, 9)
        row.state = end if isinstance(end, str) else "complete"
        row.score = 0.9 if isinstance(end, str) else end
    return board


def used(wall, slots, gpus=1.0):
    end = wall * 3600
    return [Stretch(SEARCH, 0, 0, end), Stretch("0", gpus, 0, slots * 3600)]


def test_trials_are_counted_as_they_are_proposed():
    limits = Limits(trials=3)
    assert limits.no_more(board_of(0.1, "running")) == ""
    assert limits.no_more(board_of(0.1, "running", "failed")) == "all 3 trials are proposed"
    assert limits.no_more(board_of(0.1, "interrupted", "pruned", 0.2)) != ""
    assert Limits().no_more(board_of(*["failed"] * 99)) == ""


def test_trials_that_wait_for_a_slot_are_proposed_too():
    limits = Limits(trials=3)
    assert limits.no_more(board_of(0.1), waiting=1) == ""
    assert limits.no_more(board_of(0.1), waiting=2) == "all 3 trials are proposed"


def test_hours_of_a_driver_and_of_all_gpus():
    assert Limits(hours=2).used_up(used(1.99, 50)) == ""
    assert Limits(hours=2).used_up(used(2, 0)) == "2.00 of 2 hours are used"
    assert Limits(gpu_hours=3).used_up(used(50, 5.9, gpus=0.5)) == ""
    assert Limits(gpu_hours=3).used_up(used(0, 6, gpus=0.5)) == "3.00 of 3 GPU-hours are used"
    assert Limits(trials=1, plateau=1).used_up(used(99, 99)) == ""
    assert Limits(hours=1, gpu_hours=1).used_up([]) == ""


@pytest.mark.parametrize(
    ("ends", "wanted"),
    [
        ((), 0),
        (("failed", "pruned"), 0),  # nothing to be better than
        (("pruned", 0.5), 0),
        ((0.5, 0.4, 0.3), 2),
        ((0.5, 0.505, 0.509), 2),  # within the noise
        ((0.5, 0.505, 0.511), 0),  # small steps add up
        ((0.5, "pruned", "failed", "running", "interrupted"), 2),
        ((0.5, "pruned", 0.6, 0.1), 1),
    ],
)
def test_trials_since_a_better_one(ends, wanted):
    assert since_better(board_of(*ends), NOISE) == wanted


def test_a_plateau_ends_proposing_but_not_training():
    limits = Limits(plateau=2, noise=NOISE)
    assert limits.no_more(board_of(0.5, 0.505)) == ""
    assert limits.no_more(board_of(0.5, 0.505, "pruned")) == (
        "no trial was better by 0.01 for 2 trials"
    )
    assert limits.used_up(used(9, 9)) == ""


@given(st.lists(st.one_of(st.floats(0, 1), st.sampled_from(["pruned", "failed"])), max_size=30))
def test_a_plateau_is_what_has_come_since_the_last_anchor(ends):
    since = since_better(board_of(*ends), NOISE)
    assert 0 <= since < max(len(ends), 1)
    scores = [end for end in ends[: len(ends) - since] if not isinstance(end, str)]
    late = [end for end in ends[len(ends) - since :] if not isinstance(end, str)]
    if since:
        assert max(late, default=0) <= max(scores) + NOISE
    if since and not isinstance(ends[-since - 1], str):
        assert ends[-since - 1] == max(scores)
    better = [*ends, 1.5]
    assert since_better(board_of(*better), NOISE) == 0
    if scores:
        assert since_better(board_of(*ends, "failed"), NOISE) == since + 1


@pytest.mark.parametrize(
    "wrong", [{"trials": 0}, {"hours": 0}, {"gpu_hours": -1}, {"plateau": 0}, {"noise": -0.1}]
)
def test_limits_that_are_none_are_refused(wrong):
    with pytest.raises(ValidationError):
        Limits(**wrong)
