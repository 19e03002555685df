import json
import shutil

import pytest

from ensemble import candidates, members
from ensemble.chosen import Wanted, choose
from models.errors import ProblemsFound, RunError, UserError
from models.recordings.data_set import open_sessions
from models.runs import RunFolder, Status
from tests.ensemble.build_fixtures import (
    COMPLETE,
    ORIGIN,
    change_record,
    complete_ones,
    set_score,
    train,
    unfinished,
)


@pytest.fixture
def copied(demo, tmp_path):
    return demo.copy(tmp_path / "home")


def labels(candidates):
    return [member.label for member in candidates.members]


def test_complete_runs_are_ranked_by_their_scores(copied):
    for number, score in zip(COMPLETE, (0.2, 0.5, 0.3), strict=True):
        set_score(copied.run(number), score)
    found = complete_ones(copied)
    assert labels(found) == ["1", "4", "0"]
    assert [member.score for member in found.members] == [0.5, 0.3, 0.2]
    assert found.floor == RunFolder(copied.folder / "floor")


def test_the_others_are_counted_with_their_reasons(copied):
    set_score(copied.run(4), float("nan"))
    unfinished(
        copied.run(6),
        copied.run(0),
        Status(state="complete", epoch=2, epochs=3, score=0.9),
    )
    unfinished(copied.run(7), copied.run(0), None)
    (copied.run(7) / "config.json").write_text("{}")
    found = complete_ones(copied)
    assert set(labels(found)) == {"0", "1"}
    assert found.left_out == {
        "stopped early": 1,
        "failed": 1,
        "not ended": 1,
        "without a score": 1,
        "complete, but short of the full budget": 1,
        "not readable": 1,
    }
    assert "2 runs trained to full budget, not confirmed; left out: " in str(found)
    assert "1 stopped early" in str(found)


def test_a_run_that_ended_by_its_own_rule_is_complete(copied):
    path = copied.run(0) / "config.json"
    record = json.loads(path.read_text())
    record["config"]["training"]["early_stop"] = 5
    path.write_text(json.dumps(record))
    RunFolder(copied.run(0)).end(Status(state="complete", epoch=2, epochs=3, score=0.9))
    found = complete_ones(copied)
    assert labels(found)[0] == "0"
    assert "complete, but short of the full budget" not in found.left_out


def test_equal_scores_keep_the_order_of_the_runs(copied):
    for number in COMPLETE:
        set_score(copied.run(number), 0.25)
    assert labels(complete_ones(copied)) == list(COMPLETE)


def test_a_floor_that_is_not_complete_is_none(copied):
    RunFolder(copied.folder / "floor").end(Status(state="failed", epoch=0, epochs=1))
    assert complete_ones(copied).floor is None


def test_an_unknown_search_is_named_with_the_known_ones(demo):
    with pytest.raises(RunError, match=r"no search is called 'dmo'.*known here: demo"):
        candidates.members_of_searches(demo.home, ["dmo"])


def test_a_search_without_a_complete_run_says_what_became_of_its_runs(copied):
    for number in COMPLETE:
        RunFolder(copied.run(number)).end(Status(state="pruned", epoch=1, epochs=3, score=0.5))
    with pytest.raises(UserError, match="no run is complete; found 4 stopped early, 1 failed"):
        complete_ones(copied)


def test_run_folders_instead_of_a_search(demo):
    folders = [demo.run(0), demo.run(2), demo.run(0)]
    found = candidates.members_of_runs(folders)
    assert labels(found) == ["0"]
    assert found.left_out == {"stopped early": 1}
    with pytest.raises(RunError, match="holds no run"):
        candidates.members_of_runs([demo.folder])
    with pytest.raises(UserError, match="found 1 failed"):
        candidates.members_of_runs([demo.run(3)])


def test_members_that_fit_the_recordings_pass(demo):
    found = complete_ones(demo).members
    members.check_members(found, open_sessions(demo.data))


def test_members_trained_on_other_recordings_are_all_named(copied):
    mice = json.loads((copied.run(0) / "config.json").read_text())["mice"]
    other = [mice[0] | {"unit_ids": mice[0]["unit_ids"][::-1]}, mice[1]]
    change_record(copied.run(0), mice=other)
    change_record(copied.run(1), mice=mice[:1])
    change_record(copied.run(4), fingerprint="0123456789ab")
    found = complete_ones(copied).members
    with pytest.raises(ProblemsFound) as caught:
        members.check_members(found, open_sessions(copied.data))
    told = {problem.where: problem for problem in caught.value.problems}
    assert "in the same order" in told["run 0"].rule
    assert "mice" in told["run 1"].rule
    assert "0123456789ab" in told["run 4"].found


def test_a_run_whose_weights_are_gone_is_no_member(copied):
    RunFolder(copied.run(1)).weights.unlink()
    found = complete_ones(copied)
    assert set(labels(found)) == set(COMPLETE) - {"1"}
    assert found.left_out[candidates.STRIPPED] == 1


def test_members_that_are_called_alike_are_told_apart(demo, tmp_path):
    """A run folder may have the number of a trial, and an imported run that of both."""
    other = tmp_path / "elsewhere" / "0"
    shutil.copytree(demo.run(0), other)
    given = candidates.members_of_runs([other])
    both = candidates.joined(complete_ones(demo), given)
    assert sorted(labels(both)) == sorted([*COMPLETE, str(other)])
    imported = tmp_path / "imported" / "0"
    shutil.copytree(demo.run(1), imported)
    change_record(imported, imported=ORIGIN)
    added = candidates.with_imported(both, [imported]).added
    assert [member.label for member in added] == [str(imported)]


def test_the_chosen_ones_are_those_that_were_compared(demo, tmp_path):
    """Also where the first of two candidates with a name is not the one that is chosen."""
    other = tmp_path / "elsewhere" / "0"
    train(other, demo.data, 7, network={"family": "linear", "clip_frames": 30, "filters": 2})
    both = candidates.joined(complete_ones(demo), candidates.members_of_runs([other]))
    ensemble = choose(both, open_sessions(demo.data), Wanted(rule="mean"))
    assert {member.run.path for member in ensemble.members} == {
        other,
        *(demo.run(number) for number in COMPLETE),
    }
