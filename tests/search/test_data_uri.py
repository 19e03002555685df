"""Searches of recordings that are known by their URI: every machine fetches them for itself."""

import dataclasses
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from models import console
from models.recordings.data_set import open_sessions
from models.recordings.session import fingerprint
from models.recordings.store import cache
from models.recordings.synthetic import Recipe, write_data_set
from models.runs import FLOOR_RUN, RunFolder
from search import roll_call, steps
from search.admission import objections
from search.checks import check_same_data
from search.cli import app
from search.doctor import compare, machine, recordings
from search.doctor.nodes import Answer
from search.holders import Holders
from search.limits import Limits
from search.plan import FIT, Plan, read_plan
from search.rerun import rerun
from search.roll_call import RollCall
from search.steps import FAILURE, LEAVING, PAUSED, Settings, Steps
from tests.models.fetching import other_process, uploaded
from tests.models.packed_stores import packed
from tests.search import fakes
from tests.search.searching import driver
from tests.search.test_doctor_rules import GOOD
from tests.search.test_kills import SPACE

pytestmark = [
    pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A packed store, not to be changed."""
    folder = tmp_path_factory.mktemp("recordings")
    write_data_set(folder / "data", Recipe(mice=1, neurons=4, train_trials=6, repeats=1))
    return packed(folder / "data")


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The folder that stores are fetched to, which is empty."""
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "cache"))
    other_process()
    yield tmp_path / "cache"
    other_process()


@pytest.fixture
def uri(store, tmp_path, place):  # noqa: ARG001
    """Of an uploaded store."""
    uploaded(store, (tmp_path / "bucket").as_uri())
    return (tmp_path / "bucket").as_uri()


@pytest.fixture
def call(monkeypatch, capsys, tmp_path):
    """Runs `python -m search` in this process: exit code, and all that was printed."""
    monkeypatch.setenv("SENSORIUM_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    for each in (console.out, console.err):
        monkeypatch.setattr(each, "width", 400)

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["search", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            console.run(app, "python -m search")
        printed = capsys.readouterr()
        assert "Traceback" not in printed.out + printed.err
        return ended.value.code or 0, printed.out + printed.err

    return run


def test_a_plan_says_a_folder_or_a_uri(tmp_path):
    for data in (tmp_path, "s3://bucket/data.packed"):
        plan = Plan(name="x", data=data)
        assert Plan.model_validate_json(plan.model_dump_json()).data == plan.data == data
        assert plan.model_dump(mode="json")["data"] == str(data)
    old = Plan.model_validate_json('{"name": "x", "data": "/recordings/data"}')
    assert old.data == Path("/recordings/data")


def test_a_search_of_a_uri_and_all_that_follows(store, uri, tmp_path, place):
    """In a process of its own, whose workers know this folder for fetched stores."""
    (tmp_path / "space.yaml").write_text(yaml.safe_dump(SPACE))
    plan = Plan(
        name="far",
        data=uri,
        space=str(tmp_path / "space.yaml"),
        overrides={"training.epochs": 2, "training.clips_per_epoch": 8},
        limits=Limits(trials=2),
        slots=2,
    )
    (tmp_path / "plan.json").write_text(plan.model_dump_json())
    output = tmp_path / "output"
    with driver(tmp_path / "plan.json", tmp_path / "home", output) as process:
        process.join()
    assert process.exitcode == 0, output.read_text()
    assert f"fetched to {place}" in output.read_text()
    search = tmp_path / "home/far"
    runs = [
        RunFolder(search / "runs/0"),
        RunFolder(search / "runs/1"),
        RunFolder(search / FLOOR_RUN),
    ]
    assert {run.status().state for run in runs} <= {"complete", "pruned"}
    assert {run.record().data for run in runs} == {uri}
    begun = read_plan(tmp_path / "home", "far")
    assert begun.data == uri
    assert begun.fingerprint == fingerprint(open_sessions(store))
    check_same_data(begun)  # as resume and confirm do
    again = rerun(tmp_path / "home", "far", 0, "cpu", None, FIT, lambda _: None)
    assert again.agrees


@pytest.mark.parametrize("words", [("run", "--name", "x"), ("doctor",)])
def test_bad_days_are_said(call, uri, tmp_path, monkeypatch, words):
    refused = 1 if words[0] == "doctor" else 2  # which lists its findings
    command, *options = words
    code, printed = call(command, (tmp_path / "nothing").as_uri(), *options)
    assert (code, "is no packed store" in printed) == (refused, True)
    monkeypatch.setattr(cache, "free_bytes", lambda _: 10**9)
    code, printed = call(command, uri, *options)
    assert code == refused
    assert "to spare; found 1.0 GB free" in printed
    assert cache.VARIABLE in printed
    assert not (tmp_path / "home/x").exists()


def test_damage_is_said_before_a_search_begins(call, uri, tmp_path):
    next((tmp_path / "bucket").rglob("responses.npy")).unlink()
    code, printed = call("run", uri, "--name", "x")
    assert (code, "responses.npy: is there as the manifest says; found nothing" in printed) == (
        2,
        True,
    )
    assert not (tmp_path / "home/x").exists()


def test_other_mistakes_are_said_before_anything_is_fetched(call, uri, place):
    code, printed = call("run", uri, "--name", "x", "--space", "linaer")
    assert (code, "did you mean linear?" in printed) == (2, True)
    assert not place.exists()


def test_the_doctor_fetches_nothing_and_says_what_will_be(call, store, uri, place):
    code, printed = call("doctor", uri)
    mark = fingerprint(open_sessions(store))
    assert code == 0
    assert f"1 mouse, fingerprint {mark}, 0.0 GB to be fetched, packed" in printed
    assert f"next: python -m search run {uri}" in printed
    assert not place.exists()


def test_nodes_that_have_not_fetched_yet_are_like_those_that_have(uri, tmp_path):
    before = machine.describe(tmp_path, uri)
    assert before.recordings.missing > 0
    assert recordings.fetch(uri) == recordings.Fetch()
    after = machine.describe(tmp_path, uri)
    assert after.recordings == dataclasses.replace(before.recordings, missing=0)
    assert objections([Answer("a", before), Answer("b", after)], uri) == []
    sizes = {"a": 41_000_000_000, "b": 0, "c": 40_000_000_000}
    seen = dataclasses.replace(GOOD.recordings, missing=0)
    machines = {
        node: dataclasses.replace(GOOD, recordings=dataclasses.replace(seen, missing=size))
        for node, size in sizes.items()
    }
    (line,) = compare.data(uri, machines)
    assert line.state == "ok"
    assert line.found.endswith("on 3 nodes, 41.0 GB to be fetched on 2 nodes, packed")


def test_what_keeps_a_node_from_fetching_is_told(uri, monkeypatch):
    monkeypatch.setattr(cache, "free_bytes", lambda _: 10**9)
    for said in (recordings.look(uri), recordings.fetch(uri)):
        assert "found 1.0 GB free" in said.failure
        assert cache.VARIABLE in said.remedy


class Asked:
    """Ray, whose nodes answer at once, each with an address and a disk of its own."""

    def __init__(self, free, monkeypatch):
        self.free, self.monkeypatch, self.results = free, monkeypatch, {}
        ray = SimpleNamespace(
            wait=lambda waiting, **_: (waiting, []),
            get=self.results.__getitem__,
            exceptions=roll_call.ray.exceptions,
        )
        nodes = [{"NodeID": name, "NodeManagerAddress": f"10.0.0.{name}"} for name in free]
        monkeypatch.setattr(roll_call, "ray", ray)
        monkeypatch.setattr(roll_call, "ask", self.ask)
        monkeypatch.setattr(roll_call, "living_nodes", lambda: nodes)
        self.asked = []

    def ask(self, node, function, *arguments):
        self.asked.append((node, function.__name__))
        with self.monkeypatch.context() as patch:
            patch.setenv(cache.VARIABLE, f"{os.environ[cache.VARIABLE]}-{node}")
            patch.setattr(cache, "free_bytes", lambda _: self.free[node])
            reference = object()
            self.results[reference] = function(*arguments)
        return reference


def test_a_node_that_joins_fetches_at_once_and_one_without_room_gets_no_trials(
    uri, place, tmp_path, monkeypatch
):
    asked = Asked({"1": 10**10, "2": 10**9}, monkeypatch)
    said, drained = [], []
    holders = Holders(lambda: {"1": {"CPU": 1.0}, "2": {"CPU": 2.0}})
    call = RollCall(
        tmp_path, uri, said.append, lambda *words: drained.append(words), holders=holders
    )
    call.tick()
    assert [holders.choose({"CPU": 1.0}) for _ in range(2)] == ["1", None]
    assert asked.asked == [(node, name) for node in "12" for name in ("describe", "fetch")]
    assert len([*Path(f"{place}-1").glob("*-*")]) == 1
    assert not [*Path(f"{place}-2").glob("*-*/*/*")]
    ((node, reason, seconds),) = drained
    assert (node, seconds) == ("2", 0.0)
    assert reason.startswith(f"10.0.0.2: {uri} needs ")
    assert "found 1.0 GB free" in reason
    assert said == [f"a node gets no more trials: {reason}"]


def test_recordings_in_a_folder_are_not_fetched(store, tmp_path, monkeypatch):
    asked = Asked({"1": 10**10}, monkeypatch)
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "cache"))
    RollCall(tmp_path, store, print, print).tick()
    assert asked.asked == [("1", "describe")]


def run_of(uri, tmp_path, **settings):
    asked = {"network.family": "linear", "network.filters": fakes.GOOD, "training.epochs": 2}
    shared = Settings(
        runs=tmp_path / "runs", data=uri, device="cpu", fit="tests.search.fakes:FakeFit", **settings
    )
    return Steps(
        Settings.model_validate(shared.model_dump(mode="json")), tmp_path / "runs/0", asked
    )


def test_a_run_that_cannot_have_its_recordings_goes_on_on_another_node(uri, tmp_path, monkeypatch):
    with monkeypatch.context() as full:
        full.setattr(cache, "free_bytes", lambda _: 10**9)
        result = run_of(uri, tmp_path, notices=True).step()
        assert PAUSED in result
        assert "found 1.0 GB free" in result[LEAVING]
        drained = []
        call = RollCall(tmp_path, uri, print, lambda *words: drained.append(words))
        call.hear({**result, "node": "a", "node_ip": "10.0.0.1"})
        assert drained == [("a", f"10.0.0.1: {result[LEAVING]}", 0.0)]
        assert "found 1.0 GB free" in run_of(uri, tmp_path).step()[FAILURE], (
            "there is no other node"
        )
    assert run_of(uri, tmp_path).step()["epoch"] == 1


def test_a_run_pauses_while_its_recordings_are_fetched(uri, tmp_path, monkeypatch):
    pause, downloads = tmp_path / "pause", []

    def fetching(_data, told):
        downloads.append(told)
        pause.touch()
        steps.time.sleep(1.1)  # the file is looked for once a second
        told("videos.npy", 1)

    with monkeypatch.context() as patch:
        patch.setattr(steps, "local_folder", fetching)
        assert PAUSED in run_of(uri, tmp_path, pause=pause).step()
    assert len(downloads) == 1
    pause.unlink()
    assert run_of(uri, tmp_path, pause=pause).step()["epoch"] == 1
