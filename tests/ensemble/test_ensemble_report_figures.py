"""The figures of the report of an ensemble, and the numbers that they show."""

import numpy as np
import pytest

from ensemble.report.gain import gain, sampled
from ensemble.report.gains import Gains, MouseGain, mouse_gain
from ensemble.report.likeness import likeness
from ensemble.report.sizes import sizes
from ensemble.report.traces import at_percentiles, traces
from ensemble.report.weights import weights_figure
from ensemble.rules import Weights
from models import predictions
from models.metrics import scored_frames, single_trial_correlation
from models.pages import Table
from models.recordings.data_set import open_sessions
from models.runs import RunFolder
from tests.ensemble.build_fixtures import complete_ones
from tests.ensemble.made_moments import made_mice
from tests.ensemble.reports import chart, gains_of, manifest_of, notes


def test_gains_are_those_of_the_stored_predictions(demo):
    manifest = manifest_of(complete_ones(demo), demo.data, "per-mouse")
    gains = gains_of(manifest, demo.data)
    for session in open_sessions(demo.data):
        runs = [
            predictions.read(RunFolder(each.run.path).path, session.name) for each in gains.members
        ]
        weights = gains.weights.of(session.name)

        def correlation(weights, session=session, runs=runs):
            return single_trial_correlation(
                (
                    np.tensordot(weights, [run[trial] for run in runs], 1)[:, window],
                    session.responses(trial)[:, window],
                )
                for trial in runs[0]
                for window in [scored_frames(session.length(trial))]
            )

        mine = gains.mice[session.name]
        np.testing.assert_allclose(mine.single, correlation(np.eye(len(runs))[0]), atol=1e-6)
        np.testing.assert_allclose(mine.ensemble, correlation(weights), atol=1e-6)
        assert mine.gain == pytest.approx(mine.ensemble.mean() - mine.single.mean())


def test_the_error_of_a_gain_is_its_jackknife_over_blocks():
    moments, weights = made_mice(3, [1.0, 1.5, 2.0], mice=1)["mouse 0"], np.array([0.5, 0.3, 0.2])
    names = {*moments.blocks}
    parts = [moments.of_blocks(names - {name}) for name in names]
    gains = np.array([part.score(weights) - part.score(np.eye(3)[0]) for part in parts])
    mine = mouse_gain(moments, weights)
    assert mine.error == pytest.approx(np.sqrt((len(names) - 1) * gains.var()))
    assert mine.gain == pytest.approx(moments.score(weights) - moments.score(np.eye(3)[0]))
    assert mouse_gain(moments, np.eye(3)[0]).error == 0


def test_gains_are_drawn_for_every_mouse_and_neuron(manifest, demo):
    gains = gains_of(manifest, demo.data)
    blocks = gain(gains, "plain mean", 0)
    (table,) = (block for block in blocks if isinstance(block, Table))
    assert [row[0] for row in table.rows] == list(gains.mice)
    (bars,) = chart(blocks).data
    assert list(bars.x) == [each.gain for each in gains.mice.values()]
    assert list(bars.error_x.array) == [each.error for each in gains.mice.values()]
    assert all(error > 0 for error in bars.error_x.array)
    dots = [trace for trace in chart(blocks, 1).data if trace.mode == "markers"]
    for drawn, each in zip(dots, gains.mice.values(), strict=True):
        np.testing.assert_allclose(drawn.x, each.single, atol=1e-4)
        np.testing.assert_allclose(drawn.y, each.ensemble, atol=1e-4)
    assert "Drawn are all of them" in notes(blocks)


def test_of_many_neurons_some_of_each_mouse_are_drawn_and_the_page_says_so():
    mice = {
        name: MouseGain(np.zeros(count), np.ones(count), 0.1)
        for name, count in (("a", 5000), ("b", 2500))
    }
    drawn = sampled(mice, 3000)
    assert {mouse: len(places) for mouse, places in drawn.items()} == {"a": 1667, "b": 834}
    member = type("Member", (), {"label": "7"})()
    words = notes(gain(Gains((member, member), Weights(np.ones(2) / 2), mice), "plain mean", 2))
    assert "some of them, 2,501 of 7,500" in words
    assert "Without the imported members (2)" in words


def test_scores_are_drawn_over_the_number_of_members(manifest):
    candidates = manifest.selection.candidates
    band, level, together, single = chart(sizes(manifest.selection)).data
    assert list(together.y) == [each.together for each in candidates]
    assert list(single.y) == [each.single for each in candidates]
    assert list(single.customdata) == [each.label for each in candidates]
    rule = manifest.selection.rule
    assert set(level.y) == {rule.cross_fitted}
    assert max(band.y) == pytest.approx(rule.cross_fitted + rule.error)


def test_the_matrix_and_the_worths_are_in_the_order_of_the_candidates(manifest):
    selection = manifest.selection
    matrix, worths = chart(likeness(selection)).data
    labels = [each.label for each in selection.candidates]
    assert list(matrix.x) == list(matrix.y) == list(worths.y) == labels
    np.testing.assert_array_equal(matrix.z, selection.similarity)
    assert list(worths.x) == [each.worth for each in selection.candidates]


def test_weights_are_bars_dots_of_mice_or_boxes_of_neurons():
    labels, mice = ["0", "4"], ["a", "b"]
    (bars,) = weights_figure(Weights(np.array([0.25, 0.75])), labels, mice).data
    assert (list(bars.x), list(bars.y)) == (labels, [0.25, 0.75])
    own = {"a": np.array([0.5, 0.5]), "b": np.array([0.1, 0.9])}
    bars, dots = weights_figure(Weights(np.array([0.25, 0.75]), own), labels, mice).data
    assert list(bars.y) == pytest.approx([0.3, 0.7])
    assert list(zip(dots.x, dots.customdata, dots.y, strict=True)) == [
        ("0", "a", 0.5),
        ("0", "b", 0.1),
        ("4", "a", 0.5),
        ("4", "b", 0.9),
    ]
    first = np.linspace(0, 1, 101)
    own = {mouse: np.stack([first, 1 - first], axis=1) for mouse in mice}
    boxes, means = weights_figure(Weights(np.array([0.25, 0.75]), own), labels, mice).data
    assert list(boxes.q1) == pytest.approx([0.25, 0.25])
    assert list(boxes.upperfence) == pytest.approx([0.95, 0.95])
    assert list(means.y) == pytest.approx([0.5, 0.5])


def test_traces_are_the_response_the_members_and_their_weighted_mean(demo):
    manifest = manifest_of(complete_ones(demo), demo.data, "per-neuron")
    gains, sessions = gains_of(manifest, demo.data), open_sessions(demo.data)
    own = np.random.default_rng(5).dirichlet(np.ones(len(gains.members)), sessions[0].neurons)
    gains = Gains(gains.members, Weights(gains.weights.shared, {sessions[0].name: own}), gains.mice)
    blocks = traces(gains, sessions, [sessions[0].name])
    response, low, high, ensemble = chart(blocks).data[:4]
    runs = [predictions.read(each.run.path, sessions[0].name) for each in gains.members]
    trial = min(runs[0])
    assert f"trial {trial} of {sessions[0].name}" in notes(blocks)
    window = scored_frames(sessions[0].length(trial))
    (neuron, *_) = at_percentiles(gains.mice[sessions[0].name].ensemble)
    members = np.array([run[trial][neuron, window] for run in runs])
    np.testing.assert_allclose(response.y, sessions[0].responses(trial)[neuron, window], rtol=1e-3)
    np.testing.assert_allclose(low.y, members.min(axis=0), rtol=1e-3)
    np.testing.assert_allclose(high.y, members.max(axis=0), rtol=1e-3)
    np.testing.assert_allclose(ensemble.y, own[neuron] @ members, rtol=1e-3)
    assert response.x[0] == pytest.approx(50 / 30, abs=1e-3)


def test_neurons_at_percentiles():
    assert at_percentiles(np.arange(101)[::-1] / 100) == [10, 50, 90]
    assert at_percentiles(np.zeros(3)) == [2, 1, 0]
    assert at_percentiles(np.zeros(1)) == [0]
