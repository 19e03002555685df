"""What MLflow has in the end, in a real database, whatever happened on the way."""

import itertools
import shutil

import pytest
from mlflow import MlflowClient
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

from models.runs import SCORE, TAG_STATE, Status
from search import delivery as delivering
from search.mlflow_store import LONGEST_VALUE, Refused, Store, open_client
from search.tracking import PARENT
from tests.search.writer import THREE, Writer

pytestmark = [
    pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture(autouse=True)
def embedded(monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr(delivering, "PAUSES", (0.1,))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A home whose database is made: MLflow takes seconds for it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        home = tmp_path_factory.mktemp("prepared")
        open_client(home).search_experiments()
    return home


@pytest.fixture
def home(prepared, tmp_path):
    shutil.copytree(prepared, tmp_path / "home")
    return tmp_path / "home"


@pytest.fixture
def writer(home):
    made = Writer(home)
    made.tracker.begin({"trials": 8})
    return made


def test_trials_are_runs_below_the_run_of_their_search(writer):
    for key, state in (("0", "complete"), ("1", "pruned"), ("2", "failed"), ("3", "")):
        writer.trial(key, state=state)
    writer.tracker.interrupt("3")
    writer.tracker.close(interrupted=True)
    writer.deliver()
    runs = writer.runs()
    parent = runs.pop(PARENT)
    assert {key: run.info.status for key, run in runs.items()} == {
        "0": "FINISHED",
        "1": "KILLED",
        "2": "FAILED",
        "3": "KILLED",
    }
    assert [runs[key].data.tags[TAG_STATE] for key in "0123"] == [
        "complete",
        "pruned",
        "failed",
        "interrupted",
    ]
    assert parent.info.status == "KILLED"
    assert parent.data.params == {"trials": "8"}
    for key, run in runs.items():
        assert run.data.tags[MLFLOW_PARENT_RUN_ID] == parent.info.run_id
        assert run.data.params["seed"] == key
        assert writer.points(key) == THREE
    assert writer.artifacts("0") == {"config.json"}
    assert writer.artifacts("2") == {"config.json", "traceback.txt"}
    assert writer.content("2", "traceback.txt") == "Traceback"
    assert writer.told == []


def test_more_than_a_hundred_parameters_and_long_values(home):
    writer = Writer(home)
    asked = {f"name{number}": number for number in range(230)}
    writer.tracker.begin({**asked, "long": "x" * 7000})
    run = writer.trial("0", epochs=1, state="")
    long = Status(state="failed", epoch=1, epochs=9, reason="y" * 9000)
    writer.tracker.end("0", long, run.path)
    writer.deliver()
    params = writer.runs()[PARENT].data.params
    assert len(params) == 231
    assert params["name229"] == "229"
    assert params["long"] == "x" * LONGEST_VALUE
    assert "y" * LONGEST_VALUE in writer.runs()["0"].data.tags.values()
    assert writer.told == []


def test_only_finite_numbers_are_points(writer):
    writer.trial("0", epochs=1, state="")
    line = {"epoch": 2, SCORE: float("nan"), "train_loss": float("inf"), "seconds": 3, "note": "x"}
    writer.tracker.log("0", line)
    writer.deliver()
    assert writer.points("0") == [(1, 0.1)]
    assert writer.points("0", "seconds") == [(2, 3.0)]
    assert writer.points("0", "note") == []


def test_a_driver_goes_on_with_the_runs_of_the_one_before(writer, home):
    writer.trial("0", epochs=2, state="")
    writer.tracker.log_machine({"cpu": 1.0}, 30)
    writer.tracker.close(interrupted=True)
    writer.deliver()
    before = {key: run.info.run_id for key, run in writer.runs().items()}
    later = Writer(home)
    later.tracker.go_on(later.outbox.history(), moved=False)
    later.trial("0")
    later.tracker.log_machine({"cpu": 2.0}, 0)
    later.tracker.close(interrupted=False)
    later.deliver()
    assert {key: run.info.run_id for key, run in later.runs().items()} == before
    assert later.points("0") == THREE, "an epoch that was recorded is not recorded again"
    assert {run.info.status for run in later.runs().values()} == {"FINISHED"}
    first, second = later.points(PARENT, "system/cpu")
    assert second[0] > first[0], "seconds go on"


def test_a_lost_note_doubles_nothing(writer, home):
    for key in "01":
        writer.trial(key)
    writer.tracker.log_machine({"cpu": 1.0}, 30)
    writer.tracker.register("0")
    writer.deliver()
    (writer.folder / "outbox.sent").unlink()
    later = Writer(home)
    later.tracker.go_on(later.outbox.history(), moved=False)
    later.trial("2")
    assert later.outbox.sent == 0
    later.deliver()
    assert set(later.runs()) == {PARENT, *"012"}
    for key in "012":
        assert later.points(key) == THREE
        assert later.points(key, "train_loss") == [(1, 1.0), (2, 0.5), (3, 1 / 3)]
    assert len(later.points(PARENT, "system/cpu")) == 1
    assert len(later.client.search_model_versions("name = 'a'")) == 1


def test_a_lost_answer_doubles_nothing(writer, monkeypatch):
    """The database has done what it was asked, and every third answer is lost."""
    asked = itertools.count()

    def answering_badly(method):
        def call(*arguments, **named):
            result = method(*arguments, **named)
            if next(asked) % 3 == 0:
                raise ConnectionError("the answer got lost")
            return result

        return call

    for name in ("create_run", "log_batch", "set_terminated"):
        method = getattr(MlflowClient, name)
        monkeypatch.setattr(MlflowClient, name, answering_badly(method))
    for key in "01":
        writer.trial(key)
    writer.deliver()
    assert set(writer.runs()) == {PARENT, *"01"}
    assert [writer.points(key) for key in "01"] == [THREE, THREE]
    assert writer.told.count("MLflow is back, the records that waited go out") > 3


def test_the_best_model_moves_on_to_another_run(writer):
    for key in "01":
        run = writer.trial(key)
        writer.tracker.keep(key, run.path, "weights.pt")
    writer.tracker.register("0")
    writer.tracker.register("1")
    writer.tracker.register("1")
    writer.deliver()
    best = lambda: writer.client.get_model_version_by_alias("a", "best")  # noqa: E731
    runs = writer.runs()
    assert best().run_id == runs["1"].info.run_id
    assert best().source == f"{runs['1'].info.artifact_uri}/weights.pt"
    assert writer.content("1", "weights.pt") == "weights of 1"
    writer.tracker.register("0")
    writer.deliver()
    assert best().run_id == runs["0"].info.run_id
    assert len(writer.client.search_model_versions("name = 'a'")) == 2


def test_a_run_that_has_lost_its_weights_since_holds_nothing_up(writer):
    run = writer.trial("0")
    writer.tracker.keep("0", run.path, "weights.pt")
    run.weights.unlink()
    writer.deliver()
    assert writer.artifacts("0") == {"config.json"}
    assert writer.told == []


def test_what_mlflow_refuses_is_said_and_holds_nothing_up(writer):
    writer.trial("0", epochs=1, state="")
    writer.outbox.put({"do": "tags", "key": "0", "time": 1, "tags": {"no\x00name!": "x"}})
    writer.outbox.put({"do": "tags", "key": "7", "time": 1, "tags": {"a": "b"}})
    writer.trial("1")
    writer.deliver()
    assert writer.points("1") == THREE
    refusals = [line for line in writer.told if "refuses" in line]
    assert len(refusals) == len(writer.told) == 2
    assert "no run '7'" in refusals[1]


def test_a_run_that_was_deleted_by_hand_holds_nothing_up(writer, home):
    writer.trial("0", state="")
    writer.deliver()
    runs = writer.runs()
    writer.client.delete_run(runs["0"].info.run_id)
    writer.tracker.log("0", {"epoch": 4, SCORE: 0.4})
    writer.deliver()
    later = Writer(home)
    later.tracker.go_on(later.outbox.history(), moved=False)
    later.tracker.interrupt("0")
    later.trial("1")
    later.deliver()
    assert set(later.runs()) == {PARENT, "1"}
    assert later.points("1") == THREE
    assert len(writer.told) == len(later.told) == 1


def test_a_driver_that_was_killed_before_its_first_record(home):
    writer = Writer(home)
    writer.tracker.go_on(writer.outbox.history(), moved=False)
    writer.trial("0")
    writer.deliver()
    assert set(writer.runs()) == {PARENT, "0"}
    assert writer.told == []


def test_a_step_that_may_be_there_is_looked_for(writer):
    """MLflow itself keeps a point twice that was logged at two times."""
    writer.trial("0", epochs=1, state="")
    writer.deliver()
    again = {"do": "metrics", "key": "0", "time": 1, "step": 1, "values": {SCORE: 0.1}}
    writer.store.deliver(again, True)
    assert writer.points("0") == [(1, 0.1)]
    writer.store.deliver(again, False)
    assert writer.points("0") == [(1, 0.1)] * 2


def test_a_record_of_an_unknown_run_is_refused(home):
    with pytest.raises(Refused, match="no run 'a' of the search 'a'"):
        Store(home, "a").deliver({"do": "run", "key": "0", "time": 1}, False)
