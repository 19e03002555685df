"""A search that was moved, with MLflow's database or without it."""

import shutil

import pytest

from models.runs import TAG_RUN_FOLDER
from search.tracking import PARENT
from tests.search.writer import THREE, Writer

pytestmark = [
    pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture
def writer(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / "home").mkdir()
    made = Writer(tmp_path / "home")
    made.tracker.begin({"trials": 8})
    return made


def test_a_home_that_was_moved_with_its_database(writer):
    home = writer.home
    run = writer.trial("0")
    writer.tracker.keep("0", run.path, "weights.pt")
    writer.tracker.register("0")
    writer.trial("1", state="")
    writer.deliver()
    other = Writer(home, "ab")  # whose name begins like the other's
    other.tracker.begin({})
    other.trial("0")
    other.deliver()
    new = home.with_name("else where")
    home.rename(new)
    for name in ("a", "ab"):
        later = Writer(new, name)
        assert not later.store.is_missing()
        later.tracker.go_on(later.outbox.history(), moved=True)
        key = "1" if name == "a" else "2"
        moved = later.trial(key)
        later.tracker.keep(key, moved.path, "weights.pt")
        later.deliver()
        assert later.told == []
        assert later.content(key, "weights.pt") == f"weights of {key}"
        assert later.content("0", "config.json")
        tags = {key: run.data.tags[TAG_RUN_FOLDER] for key, run in later.runs().items()}
        assert tags[PARENT] == str(new / name)
        assert tags["0"] == str(new / name / "runs" / "0")
        kept = new / "artifacts" / name / later.runs()[key].info.run_id
        assert (kept / "artifacts" / "weights.pt").is_file()
    assert Writer(new).points("1") == THREE
    version = later.client.get_model_version_by_alias("a", "best")
    assert "else%20where" in version.source
    assert not home.exists()


def test_a_search_that_was_moved_without_its_database(writer, tmp_path):
    run = writer.trial("0")
    writer.tracker.keep("0", run.path, "weights.pt")
    writer.trial("1", epochs=2, state="")
    writer.tracker.close(interrupted=True)
    writer.deliver()
    (tmp_path / "other").mkdir()
    shutil.move(writer.folder, tmp_path / "other" / "a")
    later = Writer(tmp_path / "other")
    assert later.outbox.sent
    assert later.store.is_missing()
    later.outbox.send_again()
    later.tracker.go_on(later.outbox.history(), moved=True)
    later.trial("1")
    later.tracker.close(interrupted=False)
    later.deliver()
    runs = later.runs()
    assert {key: run.info.status for key, run in runs.items()} == dict.fromkeys(
        (PARENT, "0", "1"), "FINISHED"
    )
    assert [later.points(key) for key in "01"] == [THREE, THREE]
    assert later.content("0", "weights.pt") == "weights of 0"
    assert runs["0"].data.tags[TAG_RUN_FOLDER] == str(tmp_path / "other" / "a" / "runs" / "0")
    assert later.told == []
