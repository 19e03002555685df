"""What stays of a confirmation's runs, from run folders that are written here."""

import shutil
from pathlib import Path

import pytest

from models import files
from models.recordings.locks import locking
from models.runs import Status
from search.confirm.candidates import best_candidates, blocks_of
from search.confirm.keeping import LOCK, kept, tidy
from search.confirm.standing import Standing
from search.scoreboard import Row

LARGE = {"weights.pt", "checkpoint.pt", "predictions/mouse.npz"}
SMALL = {"config.json", "status.json"}
WINS, LOSES = [0.4, 0.3, 0.2], [0.3, 0.2, 0.1]
SCORES = {
    1: [*WINS, 0.4],
    2: [*LOSES, None],
    3: [0.39, "no memory", None, None],
    4: [*WINS, 0.39],
}
"""Trial 2 is stopped after three blocks; the fourth of trial 1 or 4 stops nobody."""


@pytest.fixture
def make(tmp_path):
    """Candidates whose runs end with these scores, each with all its files; None has not begun."""

    def standing(scores, folds=4):
        candidates = best_candidates(
            [Row(n, {"seed": 1}, 4, score=0.5, state="complete") for n in scores], 9, "name"
        )
        made = Standing(tmp_path, candidates, blocks_of(range(folds), 1, seed=0))
        for number, place in made.cells():
            if scores[number][place] is not None:
                begin(made.run((number, place)))
                end(made.run((number, place)), scores[number][place])
        return Standing(tmp_path, candidates, made.blocks)

    return standing


def begin(run):
    for name in (*LARGE, "config.json"):
        (run.path / name).parent.mkdir(parents=True, exist_ok=True)
        (run.path / name).write_text("something")


def end(run, score):
    state = {"state": "failed", "reason": score} if isinstance(score, str) else {"score": score}
    run.end(Status(**{"state": "complete", "epoch": 4, "epochs": 4, **state}))


def again(standing):
    """As the next process finds it."""
    return Standing(standing.folder, [*standing.candidates.values()], standing.blocks)


def left(run):
    found = {str(path.relative_to(run.path)) for path in run.path.rglob("*") if path.is_file()}
    return found & {*LARGE, *SMALL}


def all_left(standing):
    return {cell: left(standing.run(cell)) for cell in standing.cells()}


def test_what_stays_is_what_an_ensemble_needs(make):
    standing = make(SCORES)
    tidy(standing)
    assert [one.state for one in standing.confirmation.candidates] == [
        *("confirmed", "stopped", "failed", "confirmed")
    ]
    for cell, found in all_left(standing).items():
        if cell[0] in (1, 4) or cell == (3, 0):
            assert found == {*SMALL, "weights.pt", "predictions/mouse.npz"}, cell
        elif standing.run(cell).exists:
            assert found == SMALL, cell
    assert {number for number, _ in kept(standing)} == {1, 4}
    assert len(kept(standing)) == 8


def test_what_trains_or_waits_or_is_pinned_stays(make):
    standing = make(SCORES)
    running, lost, waiting, pinned = (2, 3), (3, 2), (3, 3), (2, 0)
    for cell in (running, lost, waiting):
        begin(standing.run(cell))
    standing.run(pinned).pin("the ensemble of August")
    with locking(standing.run(lost).path / LOCK):
        tidy(standing, [running])
        found = all_left(standing)
    for cell in (running, lost, waiting):
        assert found[cell] == {*LARGE, "config.json"}
    assert found[pinned] == {*LARGE, *SMALL}


def test_a_run_of_a_stopped_candidate_that_will_not_go_on_needs_no_checkpoint(make):
    standing = make(SCORES)
    run = standing.run((2, 3))
    begin(run)
    with locking(run.path / LOCK):  # a process that a lost driver has left
        tidy(standing)
        assert {"weights.pt", "checkpoint.pt"} <= left(run)
    tidy(again(standing))
    assert not {"weights.pt", "checkpoint.pt"} & left(run)


@pytest.mark.parametrize("scores", [SCORES, {1: WINS, 2: LOSES, 3: [None] * 3}])
def test_a_process_that_is_killed_at_any_step_leaves_the_rest_to_the_next(
    scores, make, tmp_path, monkeypatch
):
    folds = len(scores[1])
    tidy(whole := make(scores, folds))
    expected, step = all_left(whole), 0
    while True:
        shutil.rmtree(tmp_path / "confirm")
        standing = make(scores, folds)
        with monkeypatch.context() as patched:
            if not is_killed(standing, patched, step):
                break
        tidy(next_one := again(standing))
        assert all_left(next_one) == expected, f"killed before step {step}"
        assert next_one.confirmation == whole.confirmation
        step += 1
    assert step >= sum(found == SMALL for found in expected.values())


class Killed(BaseException):
    """As if by SIGKILL: nothing may catch it."""


def is_killed(standing, patched, step):
    """Tidy up until the change of this number, before which the process ends; whether it came."""
    left_to_do = [step]

    def counted(change):
        def call(*given, **named):
            left_to_do[0] -= 1
            if left_to_do[0] < 0:
                raise Killed
            return change(*given, **named)

        return call

    patched.setattr(Path, "unlink", counted(Path.unlink))
    patched.setattr(shutil, "rmtree", counted(shutil.rmtree))
    patched.setattr(files, "replacing", counted(files.replacing))
    try:
        tidy(standing)
    except Killed:
        return True
    return False


def test_who_was_stopped_is_not_taken_back(make):
    standing = make(SCORES)
    tidy(standing)
    reason = standing.dropped[2]
    assert reason.startswith("0.1000 below trial 1 over 3 blocks")
    candidates = [*standing.candidates.values()]
    fewer = Standing(standing.folder, candidates, standing.blocks[:2])
    state = {one.number: (one.state, one.reason) for one in fewer.confirmation.candidates}
    assert state[2] == ("stopped", reason), "though it has a score in each of these blocks"
    assert state[1] == ("confirmed", "")
    assert 2 not in {number for number, _ in kept(fewer)}
    more = Standing(standing.folder, candidates, blocks_of(range(4), 2, seed=0))
    assert {number for number, _ in more.waiting()} == {1, 4}
    shutil.rmtree(standing.run((2, 0)).path.parent)
    assert again(standing).dropped == {}, "its folder is removed: it begins again"
