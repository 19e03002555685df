"""Searches with a store on Ray: trained, confirmed and trained again, at home and on another machine."""

import shutil

import pytest
from rich.console import Console

from models.remote import Remote
from models.runs import RunFolder
from search.archive import RECORDS
from search.confirm.confirmation import Asked, confirm
from search.confirm.confirmed import read_confirmation
from search.mirror import WRITER
from search.plan import read_plan
from search.rerun import rerun
from search.resources import Resources
from search.retrieval import retrieve as fetch
from tests.search import fakes

pytestmark = [
    pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ray.*"),
    pytest.mark.filterwarnings("ignore::FutureWarning:ray.*"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
FIT = "tests.search.test_confirm:LeavesMuch"
SMALL = {"config.json", "metrics.jsonl", "status.json", WRITER}


def ask(home, seeds):
    asked = Asked(top=2, folds="0,1", seeds=seeds)
    return confirm(read_plan(home, "kept"), home, asked, Resources(2, 0, 0, 1), Console(quiet=True))


def begun(folder):
    """The runs that were trained in this very folder."""
    return {path.parent.relative_to(folder).as_posix() for path in folder.rglob("pids")}


def test_all_that_outlasts_a_machine_is_in_the_store(search, home, tmp_path):
    store = (tmp_path / "store").as_uri()
    kinds = [fakes.GOOD, fakes.DIES_ONCE, fakes.WEAK, fakes.RAISES]
    board, _ = search(kinds, "kept", floor=True, reduction=2, keep=1, fit=FIT, store=store)
    place = Remote.parse(store) / "kept"
    assert_runs_are_kept(place, board)
    assert_confirmed(place, home, tmp_path / "there", store)
    assert_trained_again(place, tmp_path / "there")


def assert_runs_are_kept(place, board):
    """All that is small of each trial, and all of the best one."""
    best = board.ranked()[0].number
    for number, row in board.rows.items():
        there = (place / f"runs/{number}").sizes().keys()
        large = {"weights.pt", "checkpoint.pt", "predictions/mouse.npz"}
        assert there == (SMALL | large if number == best else SMALL), number
        status = (place / f"runs/{number}").read("status.json").decode()
        assert f'"{row.state}"' in status
    assert (place / "floor").has("status.json")
    assert {"search.json", RECORDS} <= place.sizes().keys()
    assert not place.has("pause")


def assert_confirmed(place, home, there, store):
    """A confirmation goes on at another machine without training anything twice."""
    first, interrupted = ask(home, seeds=1)
    assert not interrupted
    trained = {name for name in begun(home / "kept") if name.startswith("confirm/")}
    assert len(trained) == 4
    for name in trained:
        assert (place / name).sizes().keys() >= {*SMALL, "weights.pt", "predictions/mouse.npz"}
        assert not (place / name).has("checkpoint.pt")
    shutil.rmtree(home / "kept")

    fetch(there, "kept", store)
    assert read_confirmation(there / "kept") == first
    assert ask(there, seeds=1)[0] == first
    assert not begun(there / "kept")
    found, _ = ask(there, seeds=2)
    assert not trained & begun(there / "kept")
    assert begun(there / "kept")
    assert found.blocks >= first.blocks


def assert_trained_again(place, there):
    """A trial is trained again from what the store has of it, and under a new name each time."""
    number = next(n for n in range(4) if not (place / f"runs/{n}").has("weights.pt") and n < 2)
    for again in (1, 2):
        agreed = rerun(there, "kept", number, "cpu", None, FIT, lambda _: None)
        assert agreed.agrees
        assert agreed.folder.name == f"{number}-{again}"
        assert RunFolder(agreed.folder).status().state == "complete"
        assert (place / f"reruns/{number}-{again}").has("weights.pt")
        shutil.rmtree(agreed.folder)
    worker = there.parent / "worker"  # which has nothing of the search
    store = place.uri.removesuffix("/kept")
    agreed = rerun(worker, "kept", number, "cpu", None, FIT, lambda _: None, None, store)
    assert agreed.agrees
    assert agreed.folder == worker / f"kept/reruns/{number}-3"
