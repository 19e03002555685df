"""What is to be confirmed, and what is known of it, from run folders that are written here."""

import pytest
from rich.console import Console

from models.errors import RunError, UserError
from models.runs import RunFolder, Status
from search.confirm.candidates import (
    best_candidates,
    blocks_of,
    chosen_folds,
    confirm_seed,
    shared_data,
)
from search.confirm.confirmed import confirmation_table, explanation, ranked
from search.confirm.standing import Standing
from search.sampler import trial_seed
from search.scoreboard import Row


def test_folds_that_are_asked_for():
    assert chosen_folds("all", 3) == [0, 1, 2]
    assert chosen_folds("2, 0,2", 3) == [2, 0]
    for text in ("3", "a", "", "0,", "-1", "0;1"):
        with pytest.raises(UserError, match="numbers from 0 to 2"):
            chosen_folds(text, 3)


def test_seeds_are_new_and_shared_and_more_of_them_come_last():
    two, three = blocks_of([0, 2], 2, seed=5), blocks_of([0, 2], 3, seed=5)
    assert three[: len(two)] == two
    assert [(block.fold, block.index) for block in two] == [(0, 0), (2, 0), (0, 1), (2, 1)]
    assert two[0].seed == two[1].seed != two[2].seed
    seeds = [confirm_seed(5, index) for index in range(50)]
    assert len({*seeds, *(trial_seed(5, number) for number in range(50))}) == 100
    assert confirm_seed(6, 0) != confirm_seed(5, 0)


def row_of(number, state="complete", score=0.3, **flat):
    return Row(number, {"seed": 1, **flat}, 4, epoch=4, score=score, state=state)


def test_candidates_are_the_best_complete_trials():
    ranking = [row_of(4, score=0.4, **{"data.fold": 1}), row_of(2), row_of(9, state="pruned")]
    found = best_candidates(ranking, 5, "name")
    assert [(each.number, each.score, each.fold) for each in found] == [(4, 0.4, 1), (2, 0.3, 0)]
    block = blocks_of([3], 1, seed=0)[0]
    flat = found[0].configured(block)
    assert flat == {"seed": block.seed, "data.fold": 3}
    assert found[0].key(block) == "confirm/4/fold3-seed0"
    assert len(best_candidates(ranking, 1, "name")) == 1
    with pytest.raises(RunError, match="no trial of 'name' is complete"):
        best_candidates(ranking[2:], 5, "name")


def test_candidates_with_other_folds_cannot_be_paired():
    found = best_candidates([row_of(1), row_of(2, **{"data.folds": 4})], 2, "name")
    with pytest.raises(UserError, match="trial 1 has 5 folds of train, trial 2 has 4 folds"):
        shared_data(found)
    assert shared_data(found[:1]).folds == 5


@pytest.fixture
def standing(tmp_path):
    """Three candidates on three folds with one seed, whose runs end with these scores."""

    def make(scores):
        candidates = best_candidates([row_of(n, score=0.5) for n in scores], 9, "name")
        blocks = blocks_of([0, 1, 2], 1, seed=0)
        for each in candidates:
            for block, score in zip(blocks, scores[each.number], strict=True):
                folder = RunFolder(each.run(tmp_path, block))
                if isinstance(score, str):
                    folder.end(Status(state="failed", epoch=1, epochs=4, reason=score))
                elif score is not None:
                    folder.end(Status(state="complete", epoch=4, epochs=4, score=score))
        return Standing(tmp_path, candidates, blocks)

    return make


def test_what_waits_is_in_the_order_of_the_blocks(standing):
    made = standing({1: [0.4, None, None], 2: [None, None, None], 3: [0.3, "out of memory", None]})
    assert made.waiting() == [(2, 0), (1, 1), (2, 1), (1, 2), (2, 2)]
    assert made.waiting([(2, 0), (1, 1)]) == [(2, 1), (1, 2), (2, 2)]


def test_a_confirmation_says_what_is_known(standing, tmp_path):
    scores = {1: [0.42, 0.32, 0.22], 2: [0.4, 0.3, 0.2], 3: [0.41, "a broken layer", None]}
    found = standing({**scores, 4: [None, None, None]}).confirmation
    assert (found.winner, found.blocks) == (None, 0), "a block is complete when all have a score"
    found = standing(scores).confirmation
    first, second, third = found.candidates
    assert (found.winner, found.blocks, found.folds) == (1, 3, [0, 1, 2])
    assert (first.state, second.state, third.state) == ("confirmed", "confirmed", "failed")
    assert first.reason == ""
    assert second.reason.startswith("0.0200 below trial 1 over 3 blocks, p = ")
    assert third.reason == "fold1-seed0: a broken layer"
    assert (first.mean, first.spread) == (pytest.approx(0.32), pytest.approx(0.1))
    assert (first.difference, first.standard_error) == (0, 0)
    assert (second.difference, second.standard_error) == (
        pytest.approx(-0.02),
        pytest.approx(0, abs=1e-9),
    )
    assert (third.difference, third.standard_error) == (pytest.approx(-0.01), None)
    assert first.optimism == pytest.approx(0.5 - 0.42), "on the search's own fold"
    assert first.optimism_all == pytest.approx(0.5 - 0.32)
    assert [one.number for one in ranked(found)] == [1, 2, 3]
    average, overall, failed = explanation(found, tmp_path)
    assert average.endswith("own fold; +0.0900 on average")
    assert overall == "trial 1 over all these folds: +0.1800"
    assert failed == f"to train a failed run again, remove its folder in {tmp_path}/confirm"
    text = rendered(confirmation_table(found))
    assert "best" in text
    assert "-0.0100" in text


def test_who_is_stopped_has_blocks_left(standing):
    made = standing({1: [0.42, 0.32, 0.22], 2: [0.4, 0.3, 0.2]})
    candidates, blocks = list(made.candidates.values()), blocks_of([0, 1, 2], 2, seed=0)
    more = Standing(made.folder, candidates, blocks)
    assert [one.state for one in more.confirmation.candidates] == ["unfinished", "stopped"]
    assert more.waiting() == [(1, 3), (1, 4), (1, 5)]


def test_the_time_is_that_of_the_search_s_runs(standing, tmp_path):
    made = standing({1: [0.4, None, None], 2: [None, None, None], 3: [0.3, "no", None]})
    for number, seconds in ((1, 600), (2, 60)):
        RunFolder(tmp_path / "runs" / str(number)).write_metrics([{"seconds": seconds / 2}] * 2)
    assert made.seconds_left() == 2 * 600 + 3 * 60
    assert standing({7: [None, None, None]}).seconds_left() is None, "nothing tells it"


def rendered(table):
    console = Console(width=250)
    with console.capture() as captured:
        console.print(table)
    return captured.get()
