"""The numbers of a metric, and the correlation to average that is collected row by row."""

import json

import numpy as np
import pytest

from ensemble.averages import Averages
from ensemble.scores import metric
from models.metrics import correlation_to_average
from tests.shared_files import shared


@pytest.fixture(scope="module")
def golden():
    with np.load(shared("golden/metrics.npz")) as archive:
        return dict(archive)


def trials_of(golden, mouse):
    for trial, video in enumerate(golden[f"mouse{mouse}/video_of_trial"]):
        here = f"mouse{mouse}/trial{trial}"
        yield str(video), golden[f"{here}/prediction"], golden[f"{here}/response"]


@pytest.mark.parametrize("closing", [True, False])
def test_rows_one_by_one_give_the_organisers_numbers(golden, closing):
    expected, averages = json.loads(str(golden["expected"])), Averages()
    names = [str(name) for name in golden["names"]]
    for mouse, name in enumerate(names):
        for film, prediction, response in trials_of(golden, mouse):
            averages.add(name, "", film, prediction, response)
        if closing:
            averages.close(name)
    found = averages.per_neuron()
    for mouse, name in enumerate(names):
        wanted = golden[f"mouse{mouse}/to_average_per_neuron"]
        np.testing.assert_allclose(found[""][name], wanted, atol=1e-6)
    made = metric(found, {})
    assert made.whole.score == pytest.approx(expected["correlation_to_average"], abs=1e-6)
    assert made.whole.ceiling is None


def test_films_that_were_shown_once_do_not_count():
    generator = np.random.default_rng(0)
    averages, given = Averages(), generator.normal(size=(4, 2, 3, 30))
    averages.add("m", "", "once", generator.normal(size=(3, 30)), generator.normal(size=(3, 30)))
    averages.add("m", "", "cut", *generator.normal(size=(2, 3, 20)))
    averages.add("m", "", "cut", *generator.normal(size=(2, 3, 21)))
    for place, (prediction, response) in enumerate(given):
        averages.add("m", "", f"film {place % 2}", prediction, response)
    averages.add("other", "", "once", *given[0])
    wanted = correlation_to_average((place % 2, *both) for place, both in enumerate(given))
    found = averages.per_neuron()
    assert list(found[""]) == ["m"]
    np.testing.assert_allclose(found[""]["m"], wanted, atol=1e-12)
    assert Averages().per_neuron() == {}


def test_arrays_may_be_used_again_by_who_made_them():
    averages, buffer = Averages(), np.arange(60.0).reshape(2, 30) ** 2
    wanted = correlation_to_average([(0, buffer.copy(), buffer[::-1].copy())] * 2)
    averages.add("m", "", "film", buffer, buffer[::-1])
    averages.add("m", "", "film", buffer, buffer[::-1])
    buffer[:] = 0
    np.testing.assert_allclose(averages.per_neuron()[""]["m"], wanted)


FOUND = {
    "dots": {"a": np.array([0.1, 0.3]), "b": np.array([0.2, 0.2, 0.8])},
    "noise": {"b": np.array([0.0, 0.4, 0.4])},
}


def test_each_number_is_the_mean_it_says():
    made = metric(
        FOUND, {kind: {m: 2 * c for m, c in each.items()} for kind, each in FOUND.items()}
    )
    dots, noise = (0.2 + 0.4) / 2, 0.8 / 3
    assert made.whole == pytest.approx(((dots + noise) / 2, dots + noise))
    assert {kind: number.score for kind, number in made.kinds.items()} == pytest.approx(
        {"dots": dots, "noise": noise}
    )
    assert made.over_neurons.score == pytest.approx((1.6 / 5 + 0.8 / 3) / 2)
    np.testing.assert_allclose(made.per_neuron["b"], [0.1, 0.3, 0.6])
    assert made.mice["a"] == pytest.approx((0.2, 0.4))
    assert made.mice["b"].score == pytest.approx(1 / 3)
    assert made.quantiles[50] == pytest.approx((0.3, 0.6))  # of 0.1, 0.3, 0.1, 0.3, 0.6
    assert [*made.quantiles] == [5, 25, 50, 75, 95]


def test_a_ceiling_of_a_part_is_none_of_the_whole():
    made = metric(FOUND, {"dots": FOUND["dots"]})
    numbers = [made.whole, made.over_neurons, *made.mice.values(), *made.quantiles.values()]
    assert {number.ceiling for number in numbers} == {None}
    assert metric({"": FOUND["dots"]}, {}).kinds == {}
