import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ensemble.heldout import select_prefix
from ensemble.members import members_of_runs, members_of_search
from ensemble.selection import PrefixScores
from models import predictions
from models.errors import ProblemsFound, UserError
from models.metrics import over_mice, scored_frames, single_trial_correlation
from models.recordings.data_set import open_sessions
from tests.ensemble.build_fixtures import change_record, train


def noisy(truth, generator, noise):
    return {
        trial: (values + noise * generator.normal(size=values.shape)).astype(np.float32)
        for trial, values in truth.items()
    }


def made_up(seed, noises, mice=2):
    """Responses of some mice, and predictions that are those with noise."""
    generator = np.random.default_rng(seed)
    responses = {
        f"mouse {mouse}": {
            trial: generator.gamma(2, 1, (3, length)).astype(np.float32)
            for trial, length in ((4, 80), (7, 310))
        }
        for mouse in range(mice)
    }
    predicted = {m: [noisy(r, generator, n) for n in noises] for m, r in responses.items()}
    return responses, predicted


def selected(responses, predicted):
    scores = PrefixScores(len(next(iter(predicted.values()))))
    for mouse in responses:
        scores.add(mouse, iter(predicted[mouse]), responses[mouse])
    return scores.select([str(index) for index in range(len(next(iter(predicted.values()))))])


def directly(responses, predicted, members):
    """The score of the mean of these members, from everything at once."""
    per_mouse = {}
    for mouse, trials in responses.items():
        pairs = []
        for trial, response in trials.items():
            window = scored_frames(response.shape[1])
            mean = np.mean([predicted[mouse][m][trial] for m in members], axis=0)
            pairs.append((mean[:, window], response[:, window]))
        per_mouse[mouse] = single_trial_correlation(pairs)
    return over_mice(per_mouse)


@settings(max_examples=20, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.lists(st.floats(0.1, 5), min_size=1, max_size=4),
)
def test_every_prefix_has_the_score_of_the_direct_computation(seed, noises):
    responses, predicted = made_up(seed, noises)
    found = selected(responses, predicted)
    for prefix in found.prefixes:
        together = directly(responses, predicted, range(prefix.members))
        alone = directly(responses, predicted, [prefix.members - 1])
        assert prefix.mean == pytest.approx(together, abs=1e-5)
        assert prefix.single == pytest.approx(alone, abs=1e-5)
    means = [prefix.mean for prefix in found.prefixes]
    assert found.best.mean == max(means)
    assert found.prefixes[0].mean == found.prefixes[0].single


def test_independent_members_are_better_together():
    found = selected(*made_up(1, [2, 2, 2, 2]))
    assert found.chosen == 4
    assert "mean of the top 4" in found.reason
    assert f"{found.best.mean:.4f}" in found.reason


def test_a_member_of_noise_is_not_taken():
    found = selected(*made_up(1, [1, 100]))
    assert found.chosen == 1
    assert f"the mean of the top 2 scored {found.prefixes[1].mean:.4f}" in found.reason
    assert f"the best run alone {found.best.mean:.4f}" in found.reason


def test_of_equal_prefixes_the_shortest_is_taken():
    scores = PrefixScores(3)
    values = np.random.default_rng(0).integers(0, 9, (2, 90)).astype(np.float64)
    scores.add("mouse", [{1: values}, {1: values}, {1: 0 * values}], {1: values})
    found = scores.select("abc")
    assert found.prefixes[1].mean == found.prefixes[0].mean
    assert found.chosen == 1


def test_a_single_candidate_says_so():
    found = selected(*made_up(1, [1]))
    assert found.chosen == 1
    assert "only one run" in found.reason


def test_a_mouse_without_trials_adds_nothing():
    responses, predicted = made_up(3, [1, 2], mice=1)
    expected = selected(responses, predicted)
    responses["empty"], predicted["empty"] = {}, [{}, {}]
    assert selected(responses, predicted) == expected


def test_single_scores_are_those_of_the_runs_themselves(demo):
    members = members_of_search(demo.home, "demo").members
    found = select_prefix(members, open_sessions(demo.data))
    assert [prefix.label for prefix in found.prefixes] == [member.label for member in members]
    for prefix, member in zip(found.prefixes, members, strict=True):
        assert prefix.single == pytest.approx(member.score, abs=1e-4)  # stored as float16


def test_members_with_other_folds_are_refused(demo, tmp_path):
    copied = demo.copy(tmp_path / "home")
    config = members_of_search(copied.home, "demo").members[1].record.config
    changed = config.model_dump(mode="json")
    changed["data"]["fold"] = 1
    label = members_of_search(copied.home, "demo").members[1].label
    change_record(copied.run(label), config=changed)
    members = members_of_search(copied.home, "demo").members
    with pytest.raises(ProblemsFound, match="fold 1 of 2") as caught:
        select_prefix(members, open_sessions(demo.data))
    assert [problem.where for problem in caught.value.problems] == [f"run {label}"]


def test_members_with_predictions_of_other_trials_are_refused(demo, tmp_path):
    copied = demo.copy(tmp_path / "home")
    members = members_of_search(copied.home, "demo").members
    session = open_sessions(demo.data)[0]
    stored = predictions.read(members[2].run.path, session.name)
    stored.pop(max(stored))
    predictions.write(members[2].run.path, session.name, stored)
    with pytest.raises(UserError, match="the same held-out trials"):
        select_prefix(members, open_sessions(demo.data))


def test_a_mouse_without_held_out_trials_is_no_obstacle(demo, tmp_path):
    """Folds are dealt over all films, so a mouse may have none of a fold."""
    copied = demo.copy(tmp_path / "home")
    members = members_of_search(copied.home, "demo").members
    sessions = open_sessions(demo.data)
    for member in members:
        predictions.write(member.run.path, sessions[0].name, {})
    found = select_prefix(members, sessions)
    assert all(np.isfinite(prefix.mean) for prefix in found.prefixes)


def test_runs_of_another_family_can_be_averaged(demo, tmp_path):
    network = {"family": "linear", "clip_frames": 30, "filters": 2}
    train(tmp_path / "other", demo.data, 5, network=network)
    members = members_of_runs([demo.run(0), tmp_path / "other"]).members
    assert len(select_prefix(members, open_sessions(demo.data)).prefixes) == 2
