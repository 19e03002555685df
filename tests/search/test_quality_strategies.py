"""The strategies of the benchmark of quality: what they train, for how long, and how they are scored."""

import contextlib

import pytest

from models.errors import UserError
from models.recordings.synthetic import Recipe, write_data_set
from models.training.failure import TrainingPaused
from search.bench import averaged, fixed, timed
from search.bench.recipe import read_recipe
from search.bench.strategies import plan_of
from search.ledger import SEARCH, Stretch
from tests.models.tiny import config_of


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Recordings with their truth."""
    data = tmp_path_factory.mktemp("small") / "data"
    write_data_set(data, Recipe(mice=1, neurons=2, train_trials=4, videos=1, repeats=1))
    return data


@pytest.fixture(scope="module")
def recipe():
    """The shipped one."""
    return read_recipe()


def test_default_and_random_differ_in_their_sampler_alone(recipe, tmp_path):
    ours, plain = (plan_of(name, 2, tmp_path, tmp_path, recipe) for name in ("auto", "random"))
    assert ours.limits.minutes == recipe.minutes
    assert ours.limits.runs == tmp_path / "search/runs"
    assert (ours.slots, ours.floor, ours.keep, ours.seed) == (1, False, recipe.top, 2)
    fields = ours.model_dump(exclude={"created"})
    other = plain.model_dump(exclude={"created"})
    assert {name for name in fields if fields[name] != other[name]} == {"sampler"}


def test_shares_are_those_that_the_manifest_tells_in_raw_units():
    scores = {"live_test_main": (0.1, 0.2), "final_test_main": (0.3, 0.4)}
    scores |= {"live_test_bonus": (0.1, 0.4), "final_test_bonus": (0.2, 0.4), "oracle": (0.9, 1.0)}
    raw = [{"tier": t, "ensemble": own, "ceiling": top} for t, (own, top) in scores.items()]
    manifest = {"evaluation_raw": raw, "evaluation": [], "members": [{}, {}, {}]}
    found = averaged.read_averaged(manifest)
    assert (found.main, found.ood, found.members) == pytest.approx((0.625, 0.375, 3))


def test_the_fixed_configuration_is_repeated_until_the_minutes_are_over(
    recipe, tmp_path, monkeypatch
):
    clock = iter(range(100))
    monkeypatch.setattr(fixed.time, "process_time", lambda: 60 * next(clock))
    seeds = []

    def train(_, flat, *__):
        seeds.append(flat["seed"])
        return {0: 0.1, 1: None, 2: 0.3}[len(seeds) - 1]

    monkeypatch.setattr(fixed, "train", train)
    ended, found = fixed.train_fixed(
        recipe.model_copy(update={"minutes": 4}), tmp_path, tmp_path, 7
    )
    assert [each.number for each in found] == [2, 0]
    assert ended == 0  # nothing was written
    assert len(set(seeds)) == 3
    assert seeds == [fixed.run_seed(7, number) for number in range(3)]


def test_the_fixed_configuration_is_confirmed_with_as_many_seeds_as_a_search_has_trials(
    recipe, tmp_path, monkeypatch
):
    best = [fixed.Candidate(number, {"seed": 1}, 0.5, 0) for number in (4, 2)]
    asked = []

    def train(folder, flat, *_):
        asked.append((folder.relative_to(tmp_path), flat["data.fold"], flat["seed"]))
        return {"4": 0.2, "2": 0.4}[folder.parent.name] + flat["data.fold"]

    monkeypatch.setattr(fixed, "train", train)
    assert fixed.confirm_fixed(recipe, tmp_path, tmp_path, best, 7) == pytest.approx(0.9)
    assert [fold for _, fold, _ in asked] == [0, 1, 0, 1]
    assert len({seed for *_, seed in asked}) == len(best)
    assert all(str(folder).startswith("confirm/") for folder, *_ in asked)


def test_no_complete_run_says_to_give_more_minutes(recipe, tmp_path, monkeypatch):
    monkeypatch.setattr(fixed, "train", lambda *_: None)
    with pytest.raises(UserError, match="no run of the fixed configuration") as caught:
        fixed.train_fixed(recipe.model_copy(update={"minutes": 1e-4}), tmp_path, tmp_path, 0)
    assert "--minutes" in caught.value.remedy


@pytest.fixture
def clock(monkeypatch):
    """Processor time as a test sets it."""
    now = [100.0]
    monkeypatch.setattr(timed.time, "process_time", lambda: now[0])
    return now


def test_processor_time_adds_up_over_processes_and_failures(tmp_path, clock):
    for number, seconds in ((0, 60.0), (1, 15.0), (1, 15.0)):
        (tmp_path / str(number)).mkdir(exist_ok=True)
        meter = timed.Meter(tmp_path / str(number))
        clock[0] += 1000  # of another run
        with contextlib.suppress(TrainingPaused), meter.at_work():
            clock[0] += seconds
            raise TrainingPaused
    assert timed.cpu_minutes(tmp_path) == pytest.approx(1.5)


def test_processor_time_is_written_down_within_an_epoch_and_counted_once(tmp_path, clock):
    (tmp_path / "0").mkdir()
    meter = timed.Meter(tmp_path / "0")
    with meter.at_work():
        clock[0] += timed.EVERY / 2
        meter.tick()
        assert timed.cpu_minutes(tmp_path) == 0
        clock[0] += 30
        meter.tick()
        assert timed.cpu_minutes(tmp_path) == pytest.approx((30 + timed.EVERY / 2) / 60)
        clock[0] += 29.5
    assert timed.cpu_minutes(tmp_path) == pytest.approx(1)


def test_a_search_ends_when_its_trials_have_used_their_minutes_or_by_the_clock(
    recipe, tmp_path, clock
):
    def limits():
        return plan_of("auto", 0, tmp_path, tmp_path, recipe).limits

    run = tmp_path / "search/runs/0"
    run.mkdir(parents=True)
    with timed.Meter(run).at_work():
        clock[0] += 60 * recipe.minutes - 1
    assert not limits().used_up([])
    late = Stretch(SEARCH, 0.0, 0.0, 3600 * limits().hours)
    assert "hours are used" in limits().used_up([late])
    with timed.Meter(run).at_work():
        clock[0] += 1
    assert "minutes of processor time are used" in limits().used_up([])


def test_a_timed_run_is_trained_as_ever_and_knows_what_it_took(small, tmp_path):
    fit = timed.TimedFit(tmp_path / "0", config_of("motion_energy"), small, "cpu")
    while not fit.done:
        fit.train_epoch()
    fit.finish()
    assert fit.folder.status().state == "complete"
    assert timed.cpu_minutes(tmp_path) > 0
