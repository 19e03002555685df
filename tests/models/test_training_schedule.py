import math

import pytest
import torch

from models.training.schedule import Schedule
from tests.models.tiny import config_of
from tests.models.tiny_training import training_of

TWO = (0.1, 0.02)
"""The highest rates of readouts and core."""


def schedule_of(steps, **settings):
    """A schedule over so many steps of an optimiser with two groups."""
    groups = [{"params": [torch.nn.Parameter(torch.zeros(2))], "lr": rate} for rate in TWO]
    optimizer = torch.optim.AdamW(groups)
    return Schedule(optimizer, config_of(**settings).training, steps)


def rates(schedule):
    """The present rate of each group."""
    return tuple(group["lr"] for group in schedule.optimizer.param_groups)


def run(schedule, steps):
    """The rates of so many steps; those after the last are the schedule's."""
    found = []
    for _ in range(steps):
        found.append(rates(schedule))
        schedule.optimizer.step()
        schedule.step()
    return found


def assert_rates(found, shares):
    """The rates of both groups are these shares of their highest."""
    for group, highest in enumerate(TWO):
        assert [pair[group] for pair in found] == pytest.approx([highest * s for s in shares])


def test_the_rates_rise_and_then_fall_as_a_cosine():
    schedule = schedule_of(20, warmup=0.2, final_learning_rate=0.05)
    found = [*run(schedule, 20), rates(schedule)]
    cosine = [0.05 + 0.95 * (1 + math.cos(math.pi * step / 16)) / 2 for step in range(17)]
    assert_rates(found, [0.2, 0.4, 0.6, 0.8, *cosine])


@pytest.mark.parametrize("warmup", [0.0, 1.0])
def test_extreme_warm_ups(warmup):
    schedule = schedule_of(6, warmup=warmup, final_learning_rate=0.1)
    found = run(schedule, 6)
    assert max(found) == pytest.approx(TWO)
    assert (found == sorted(found)) == (warmup == 1)
    assert_rates([rates(schedule)], [0.1])


def test_a_constant_rate_after_the_warm_up():
    schedule = schedule_of(10, warmup=0.3, schedule="constant")
    assert_rates(run(schedule, 10), [0.25, 0.5, 0.75, *[1.0] * 7])


def test_a_plateau_lowers_each_group_by_the_same_factor_down_to_its_least():
    plateau = {"schedule": "plateau", "plateau_patience": 1, "final_learning_rate": 0.05}
    schedule = schedule_of(20, warmup=0.0, **plateau)
    shares = []
    for score in (0.1, 0.2, 0.2, math.nan, 0.3, 0.3, 0.3, 0.2, 0.1, 0.3, 0.3):
        run(schedule, 1)
        schedule.validated(score)
        shares.append(rates(schedule))
    third = 0.3**3
    assert third < 0.05
    assert_rates(shares, [1, 1, 1, 0.3, 0.3, 0.3, 0.09, 0.09, 0.05, 0.05, 0.05])


def test_a_plateau_within_the_warm_up_holds_on():
    plateau = {"schedule": "plateau", "plateau_patience": 0, "final_learning_rate": 0.0}
    schedule = schedule_of(10, warmup=0.3, **plateau)
    found = run(schedule, 1)
    schedule.validated(math.nan)
    found += run(schedule, 4)
    assert_rates(found, [0.25, 0.3 * 0.5, 0.3 * 0.75, 0.3, 0.3])


def test_only_a_plateau_asks_for_scores():
    for name in ("cosine", "constant"):
        schedule = schedule_of(10, warmup=0.0, schedule=name, plateau_patience=0)
        for _ in range(3):
            schedule.validated(math.nan)
        assert_rates([rates(schedule)], [1.0])


@pytest.mark.parametrize("name", ["cosine", "plateau", "constant"])
@pytest.mark.parametrize("before", [1, 4, 7])
def test_a_schedule_goes_on_from_its_state(name, before):
    settings = {"warmup": 0.5, "schedule": name, "plateau_patience": 0}
    one, two = (schedule_of(10, **settings) for _ in range(2))
    run(one, before)
    one.validated(0.2)
    one.validated(0.1)
    two.optimizer.load_state_dict(one.optimizer.state_dict())
    two.load_state_dict(one.state_dict())
    for schedule in (one, two):
        schedule.validated(0.15)
    assert run(one, 10 - before) == run(two, 10 - before)
    assert rates(one) == rates(two)


def test_the_readouts_rate_is_the_one_that_is_told():
    training = training_of("dwiseneuro", learning_rate=0.1, core_learning_rate=0.7, warmup=0.0)
    assert training.schedule.learning_rate == 0.1
