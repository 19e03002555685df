"""The best runs keep their weights; of the others what is small stays."""

import pytest

from models.runs import RunFolder, Status
from search.retention import kept, strip, to_strip
from search.scoreboard import Row, Scoreboard

LARGE = ("weights.pt", "checkpoint.pt", "predictions/mouse.npz")
SMALL = ("config.json", "metrics.jsonl", "status.json")


@pytest.fixture
def make(tmp_path):
    """Trials with these states and scores, each with all its files, on a scoreboard."""
    board = Scoreboard(None)

    def trial(state, score=None):
        number = len(board.rows)
        row = board.rows[number] = Row(number, {}, 9, state=state, score=score)
        path = tmp_path / str(number)
        for name in (*LARGE, *SMALL[:2]):
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_text("something")
        if state in ("complete", "pruned", "failed"):
            RunFolder(path).end(Status(state=state, epoch=9, epochs=9, score=row.score))
        return RunFolder(path)

    trial.board, trial.runs = board, tmp_path
    return trial


def files(run):
    return {str(path.relative_to(run.path)) for path in run.path.rglob("*") if path.is_file()}


def clean(make, most):
    strip(make.runs, to_strip(make.board, most))


def test_the_best_keep_all_and_the_others_what_is_small(make):
    scores = [0.1, 0.5, None, 0.3, 0.4]
    runs = [make("complete", score) for score in scores]
    ended = [make("pruned", 0.9), make("failed")]
    clean(make, most=2)
    assert [row.number for row in kept(make.board, 2)] == [1, 4]
    for run in (runs[1], runs[4]):
        assert files(run) == {*LARGE, *SMALL}
    for run in (runs[0], runs[2], runs[3], *ended):
        assert files(run) == {*SMALL}


def test_what_trains_or_waits_is_left_alone(make):
    runs = [make("running", 0.1), make("interrupted", 0.1), make("complete", 0.9)]
    clean(make, most=1)
    assert all({*LARGE} <= files(run) for run in runs)


def test_what_an_ensemble_has_pinned_stays(make):
    pinned, other = make("complete", 0.1), make("complete", 0.2)
    pinned.pin("the ensemble of August")
    make("complete", 0.9)
    clean(make, most=1)
    assert {*LARGE} <= files(pinned)
    assert not {*LARGE} & files(other)


def test_nothing_goes_before_the_status_is_on_disk(make):
    run = make("failed")
    (run.path / "status.json").unlink()
    clean(make, most=1)
    assert {*LARGE} <= files(run)


def test_a_weaker_run_goes_when_a_better_one_has_ended(make):
    first = make("complete", 0.1)
    clean(make, most=1)
    second = make("running", 0.2)
    clean(make, most=1)
    assert {*LARGE} <= files(first)
    make.board.rows[1].state = "complete"
    second.end(Status(state="complete", epoch=9, epochs=9, score=0.2))
    clean(make, most=1)
    assert not {*LARGE} & files(first)
    assert {*LARGE} <= files(second)


def test_what_is_gone_already_is_no_mistake(make):
    run = make("pruned")
    clean(make, most=1)
    clean(make, most=1)
    strip(make.runs, [17])
    assert files(run) == {*SMALL}
    assert not (make.runs / "17").exists()
