"""The trials that members are compared on, read from run folders."""

import json
import shutil

import numpy as np
import pytest

from ensemble.candidates import members_of_runs, members_of_searches
from ensemble.heldout import common_folds, held_out_moments
from models import predictions
from models.errors import ProblemsFound, UserError
from models.metrics import over_mice, scored_frames, single_trial_correlation
from models.recordings.data_set import open_sessions
from tests.ensemble.build_fixtures import change_record, complete_ones, train


@pytest.fixture
def copied(demo, tmp_path):
    return demo.copy(tmp_path / "home")


def directly(demo, members, weights):
    """The score of a weighted mean, from all predictions at once."""
    per_mouse = {}
    for session in open_sessions(demo.data):
        stored = [predictions.read(member.run.path, session.name) for member in members]
        pairs = []
        for trial in stored[0]:
            response = session.responses(trial)
            mean = np.average([each[trial] for each in stored], axis=0, weights=weights)
            window = scored_frames(response.shape[1])
            pairs.append((mean[:, window], response[:, window]))
        per_mouse[session.name] = single_trial_correlation(pairs)
    return over_mice(per_mouse)


def test_moments_of_runs_on_disk_score_as_their_predictions_do(demo):
    members, sessions = complete_ones(demo).members, open_sessions(demo.data)
    moments = held_out_moments(members, sessions)
    for weights in ([1, 0, 0], [0, 0, 1], [0.2, 0.5, 0.3]):
        found = np.mean([each.score(np.array(weights, float)) for each in moments.values()])
        assert found == pytest.approx(directly(demo, members, weights), abs=1e-5)


def test_films_that_are_the_same_are_one_block(demo):
    moments = held_out_moments(complete_ones(demo).members, open_sessions(demo.data))
    blocks = {block for each in moments.values() for block in each.blocks}
    assert len(blocks) > 1
    assert sum(each.total.counts.max() for each in moments.values()) > 0


@pytest.mark.parametrize("change", [{"folds": 3}, {"tiers": ["train", "oracle"]}])
def test_runs_whose_trials_are_dealt_otherwise_are_named(copied, change):
    label = complete_ones(copied).members[1].label
    path = copied.run(label) / "config.json"
    config = json.loads(path.read_text())["config"]
    change_record(copied.run(label), config=config | {"data": config["data"] | change})
    with pytest.raises(ProblemsFound) as caught:
        held_out_moments(complete_ones(copied).members, open_sessions(copied.data))
    assert [problem.where for problem in caught.value.problems] == [f"run {label}"]
    assert "2 folds of train" in caught.value.problems[0].rule


def test_runs_without_a_common_fold_are_all_named(copied):
    label = complete_ones(copied).members[0].label
    path = copied.run(label) / "config.json"
    config = json.loads(path.read_text())["config"]
    change_record(copied.run(label), config=config | {"data": config["data"] | {"fold": 1}})
    with pytest.raises(ProblemsFound, match="some fold together") as caught:
        common_folds(complete_ones(copied).members)
    assert {p.found for p in caught.value.problems} == {"it holds out 0", "it holds out 1"}


def test_other_held_out_trials_are_refused(copied):
    members = complete_ones(copied).members
    session = open_sessions(copied.data)[0]
    stored = predictions.read(members[2].run.path, session.name)
    stored.pop(max(stored))
    predictions.write(members[2].run.path, session.name, stored)
    with pytest.raises(UserError, match="the same held-out trials"):
        held_out_moments(members, open_sessions(copied.data))


def test_a_mouse_without_held_out_trials_is_no_obstacle(copied):
    """Folds are dealt over all films, so a mouse may have none of a fold."""
    sessions = open_sessions(copied.data)
    for member in complete_ones(copied).members:
        predictions.write(member.run.path, sessions[0].name, {})
    found = held_out_moments(complete_ones(copied).members, sessions)
    assert found[sessions[0].name].is_empty
    assert not found[sessions[1].name].is_empty


def test_runs_of_another_family_can_be_compared(demo, tmp_path):
    network = {"family": "linear", "clip_frames": 30, "filters": 2}
    train(tmp_path / "other", demo.data, 5, network=network)
    members = members_of_runs([demo.run(0), tmp_path / "other"]).members
    found = held_out_moments(members, open_sessions(demo.data))
    assert {each.members for each in found.values()} == {2}


@pytest.fixture(scope="module")
def confirmed(demo, tmp_path_factory):
    """A search of which one configuration has runs of both folds and two seeds."""
    copied = demo.copy(tmp_path_factory.mktemp("confirmed") / "home")
    for fold in (0, 1):
        for seed in (0, 1):
            run = copied.folder / "confirm" / "4" / f"fold{fold}-seed{seed}"
            data = {"folds": 2, "fold": fold, "downsample": 4}
            train(run, copied.data, 100 + seed, data=data)
    return copied


def test_a_confirmed_configuration_is_one_member(confirmed):
    found = members_of_searches(confirmed.home, ["demo"])
    (member,) = found.members
    assert (member.label, len(member.runs), member.folds) == ("4", 4, {0, 1})
    assert member.confirmed
    assert member.score == pytest.approx(np.mean([r.status().score for r in member.runs]))
    assert found.left_out["not confirmed, which only --unconfirmed adds"] == 2
    assert "1 configuration confirmed; left out: " in str(found)


def test_without_a_confirmation_there_is_no_member_unless_asked(demo):
    with pytest.raises(UserError, match="no configuration of search 'demo' is confirmed"):
        members_of_searches(demo.home, ["demo"])


def test_a_confirmation_that_was_begun_is_none(confirmed, tmp_path):
    copied = confirmed.copy(tmp_path / "home")
    half = copied.folder / "confirm" / "0" / "fold0-seed0"
    shutil.copytree(copied.folder / "confirm" / "4" / "fold0-seed0", half)
    found = members_of_searches(copied.home, ["demo"], unconfirmed=True)
    assert {member.label for member in found.members} == {"4", "1"}
    assert found.left_out["confirmed on some of the folds only"] == 1


def test_all_trials_of_a_confirmed_one_count_and_seeds_are_averaged(confirmed):
    (member,) = members_of_searches(confirmed.home, ["demo"]).members
    sessions = open_sessions(confirmed.data)
    (moments, *_) = held_out_moments([member], sessions).values()
    session = sessions[0]
    pairs, trials = [], 0
    for fold in (0, 1):
        runs = [run for run in member.runs if f"fold{fold}" in run.path.name]
        stored = [predictions.read(run.path, session.name) for run in runs]
        for trial in stored[0]:
            mean = np.mean([each[trial] for each in stored], axis=0)
            response = session.responses(trial)
            window = scored_frames(response.shape[1])
            pairs.append((mean[:, window], response[:, window]))
            trials += 1
    assert trials == len(session.trials("train"))
    wanted = single_trial_correlation(pairs)
    np.testing.assert_allclose(moments.correlation(np.ones(1)), wanted, atol=1e-5)


def test_a_confirmed_one_meets_a_run_on_the_fold_that_both_held_out(confirmed):
    found = members_of_searches(confirmed.home, ["demo"], unconfirmed=True).members
    assert common_folds(found) == {0}
    moments = held_out_moments(found, open_sessions(confirmed.data))
    assert {each.members for each in moments.values()} == {3}
