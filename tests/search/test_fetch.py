"""A search in a store outlasts its machine: it is fetched to another one, and goes on there."""

import shutil
import threading

import pytest

from models.bringing import SMALL, bring, note_store, store_of
from models.errors import RunError, UserError
from models.remote import Remote
from models.runs import RunFolder, runs_of_search
from search.alone import alone
from search.archive import RECORDS, packed, unpacked, write_records
from search.copies import DRIVER, Copies, check_new
from search.fresh import forget
from search.mirror import WRITER
from search.plan import Plan, read_plan
from search.retrieval import retrieve as fetch
from search.sampler import load_study
from search.tables import rows_of, search_table
from tests.search.finished import write_search
from tests.waiting import wait_until

pytestmark = [
    pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

PATIENCE = 300.0


@pytest.fixture
def store(tmp_path):
    return (tmp_path / "store").as_uri()


@pytest.fixture
def stored(tmp_path, store):
    """A search that is in the store as well: its folder."""
    home = tmp_path / "home"
    write_search(home, "done", store=store)
    folder, place = home / "done", Remote.parse(store) / "done"
    (folder / "outbox.jsonl").write_text('{"do": "run"}\n')
    (folder / "outbox.sent").write_text("1")
    note_store(folder, place)
    for run in (*runs_of_search(folder), RunFolder(folder / "floor")):
        there = place / run.path.relative_to(folder).as_posix()
        there.upload(run.path, SMALL)
        there.write("weights.pt", b"weights")
        there.write(WRITER, b"a worker")
    copy(folder)
    return folder


def driver(folder, said=None):
    return Copies(folder, folder / "pause", (said if said is not None else []).append)


def tick(copies):
    """As the driver's loop does, until what is due is sent."""
    copies.tick()
    settle(copies)


def settle(copies):
    wait_until(lambda: not copies.is_sending(), PATIENCE, "a copy is under way still")


def copy(folder):
    copies = driver(folder)
    copies.begin()
    copies.close()


def test_what_was_fetched_is_what_was_there(stored, store, tmp_path):
    there = tmp_path / "there"
    assert fetch(there, "done", store) == len(runs_of_search(stored))
    rows = [rows_of(load_study(home / "done", "done")) for home in (stored.parent, there)]
    assert rows[0] == rows[1]
    assert read_plan(there, "done") == read_plan(stored.parent, "done")
    for name in ("outbox.jsonl", "outbox.sent"):
        assert (there / "done" / name).read_bytes() == (stored / name).read_bytes()
    assert RunFolder(there / "done/floor").status() == RunFolder(stored / "floor").status()
    run = runs_of_search(there / "done")[0]
    assert run.metrics() == runs_of_search(stored)[0].metrics()
    assert not run.weights.exists()
    bring(run, ["weights.pt"])
    assert run.weights.read_bytes() == b"weights"
    assert search_table(there, "done").row_count


def test_it_is_fetched_again_from_where_its_store_is_noted(stored, store, tmp_path):
    there = tmp_path / "there"
    fetch(there, "done", store)
    with (stored / "outbox.jsonl").open("a") as file:
        file.write('{"do": "end"}\n')
    copy(stored)
    fetch(there, "done", None)
    assert len((there / "done/outbox.jsonl").read_text().splitlines()) == 2
    with pytest.raises(UserError, match="where is the store of 'other'"):
        fetch(there, "other", None)


@pytest.mark.usefixtures("stored")
def test_a_store_that_was_moved_is_known_from_then_on(tmp_path):
    shutil.copytree(tmp_path / "store", tmp_path / "moved")
    moved = (tmp_path / "moved").as_uri()
    fetch(tmp_path / "there", "done", moved)
    assert read_plan(tmp_path / "there", "done").store == moved
    assert store_of(tmp_path / "there/done").uri == f"{moved}/done"


@pytest.mark.usefixtures("stored")
def test_an_unknown_name_is_answered_with_the_known_ones(store, tmp_path):
    with pytest.raises(RunError, match=r"no search is called 'x' in .*; known there: done"):
        fetch(tmp_path / "there", "x", store)
    assert not (tmp_path / "there").exists()


def test_a_search_that_is_running_here_is_not_replaced(stored, store):
    with alone(stored), pytest.raises(RunError, match="'done' is running"):
        fetch(stored.parent, "done", store)


@pytest.mark.parametrize("here", ['{"do": "run"}\n{"do": "end"}\n', '{"do": "other"}\n'])
def test_a_search_that_is_further_here_is_not_replaced(stored, store, here):
    (stored / "outbox.jsonl").write_text(here)
    with pytest.raises(RunError, match="is further than in"):
        fetch(stored.parent, "done", store)
    assert (stored / "outbox.jsonl").read_text() == here


def test_a_study_is_copied_as_of_one_moment_and_no_journal_is_left(stored, tmp_path):
    records = unpacked(packed(stored))
    assert {"search.json", "study.db", "outbox.jsonl", "outbox.sent"} <= records.keys()
    folder = tmp_path / "a"
    folder.mkdir()
    (folder / "study.db-journal").write_bytes(b"of another study")
    write_records(folder, records)
    assert not (folder / "study.db-journal").exists()
    assert rows_of(load_study(folder, "done")) == rows_of(load_study(stored, "done"))


def test_a_search_has_one_driver_on_all_machines(stored, store, tmp_path):
    there, said = tmp_path / "there", []
    fetch(there, "done", store)
    first = driver(stored)
    first.begin()
    with pytest.raises(RunError, match="the search 'done' runs on"):
        driver(there / "done").begin()
    first.close()
    late = driver(stored, said)
    second = driver(there / "done")
    second.begin()
    place = Remote.parse(store) / "done"
    late._begun = True
    before = place.read(RECORDS)
    late.tick()
    late.close()
    assert late.taken
    assert "another driver" in said[0]
    assert place.read(RECORDS) == before
    second.close()
    assert not place.has(DRIVER)


def test_a_search_that_went_on_elsewhere_does_not_go_on_here(stored, store, tmp_path):
    there = tmp_path / "there/done"
    fetch(there.parent, "done", store)
    with (there / "outbox.jsonl").open("a") as file:
        file.write('{"do": "end"}\n')
    copy(there)
    with pytest.raises(RunError, match="'done' went on elsewhere") as caught:
        driver(stored).begin()
    assert "search fetch done" in caught.value.remedy
    fetch(stored.parent, "done", store)
    copy(stored)


def test_a_driver_that_says_nothing_any_more_is_lost(stored, store, tmp_path, monkeypatch):
    fetch(tmp_path / "there", "done", store)
    driver(stored).begin()
    with pytest.raises(RunError, match="the search 'done' runs on"):
        driver(tmp_path / "there/done").begin()
    monkeypatch.setattr("search.copies.GONE", -1.0)
    driver(tmp_path / "there/done").begin()


def test_a_driver_that_was_killed_here_is_followed_here_at_once(stored):
    driver(stored).begin()
    driver(stored).begin()


def test_a_pause_is_shown_in_the_store(stored, store):
    place, copies = Remote.parse(store) / "done", driver(stored)
    place.write("pause", b"an old one")
    copies.begin()
    assert not place.has("pause")
    tick(copies)
    (stored / "pause").touch()
    tick(copies)
    assert place.has("pause")
    (stored / "pause").unlink()
    copies.close()
    assert not place.has("pause")


def test_a_store_that_is_away_is_said_once_and_when_it_is_back(stored, tmp_path, monkeypatch):
    monkeypatch.setattr("search.copies.EVERY", 0.0)
    said = []
    copies = driver(stored, said)
    copies.begin()
    tick(copies)
    (tmp_path / "store").rename(tmp_path / "away")
    (tmp_path / "store").touch()
    tick(copies)
    tick(copies)
    assert [line[:17] for line in said] == ["the store is away"]
    (tmp_path / "store").unlink()
    (tmp_path / "away").rename(tmp_path / "store")
    tick(copies)
    assert said[1:] == ["the store is back"]


def test_a_slow_store_does_not_hold_up_the_driver(stored, monkeypatch):
    monkeypatch.setattr("search.copies.EVERY", 0.0)
    go, written = threading.Event(), []

    def write(self, name, content):  # noqa: ARG001
        assert go.wait(PATIENCE)
        written.append(name)

    copies = driver(stored)
    copies.begin()
    monkeypatch.setattr(Remote, "write", write)
    copies.tick()
    copies.tick()
    assert copies.is_sending()
    assert not written
    go.set()
    settle(copies)
    assert written == [RECORDS]


def test_what_nobody_has_foreseen_in_a_copy_ends_the_driver(stored, monkeypatch):
    monkeypatch.setattr("search.copies.EVERY", 0.0)
    copies = driver(stored)
    copies.begin()
    monkeypatch.setattr(Remote, "write", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        tick(copies)


def test_runs_that_the_records_do_not_know_are_forgotten(stored, store):
    place = Remote.parse(store) / "done/runs"
    place.write("99/config.json", b"{}")
    forget(stored / "runs", range(8))
    assert {name.partition("/")[0] for name in place.sizes()} == {str(n) for n in range(8)}


@pytest.mark.usefixtures("stored")
def test_a_name_that_is_taken_in_the_store_is_refused(store, tmp_path):
    check_new(Plan(name="new", data=tmp_path, store=store))
    with pytest.raises(RunError, match="the name 'done' is taken in"):
        check_new(Plan(name="done", data=tmp_path, store=store))
    check_new(Plan(name="done", data=tmp_path))
