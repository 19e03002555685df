import dataclasses
import json
import os
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from models import console
from models.errors import StorageError, UserError
from models.recordings.store.folders import packed_folder
from models.recordings.store.pack import pack, plan_packing
from models.recordings.synthetic import Recipe, write_data_set
from models.runs import tracking_database
from search.cli import app
from search.doctor import (
    connection,
    driver,
    machine,
    recordings,
    storage,
    tracking,
)
from search.doctor.lines import guarded, ok
from search.doctor.nodes import Answer, ThisMachine, named
from search.doctor.table import summary

# MLflow's own model definitions, and sockets that its clients leave to the garbage collector
pytestmark = [
    pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


def states(findings):
    return [finding.state for finding in findings]


def test_a_clock_is_read_in_the_middle_of_the_quickest_round_trip(monkeypatch):
    times = iter([0.0, 10.0, 100.0, 102.0, 200.0, 206.0])
    monkeypatch.setattr(time, "time", lambda: next(times))
    said = iter([17.0, 106.0, 213.0])

    class Far:
        names = ("b",)

        def ask(self, _function, of):
            return [Answer(name, next(said)) for name in of]

    assert driver.skews(Far()) == {"b": 5.0}


def test_this_machine_describes_itself(data, tmp_path):
    (answer,) = ThisMachine().ask(machine.describe, tmp_path, data)
    found = answer.value
    assert found.software.versions["torch"] == torch.__version__
    assert min(found.memory, found.home, found.temporary, found.cores) > 0
    assert found.recordings == recordings.look(data)
    assert (found.recordings.mice, found.recordings.packed) == (1, 0)
    (answer,) = ThisMachine().ask(machine.describe, tmp_path)
    assert answer.value is None
    assert answer.failure.startswith("TypeError")


def test_the_code_is_known_by_its_files(tmp_path):
    (tmp_path / "models").mkdir()
    file = tmp_path / "models" / "a.py"
    digests = set()
    for content in ("1", "2"):
        file.write_text(content)
        digests.add(machine.code_digest(tmp_path))
    file.rename(file.with_name("b.py"))
    assert len(digests | {machine.code_digest(tmp_path)}) == 3


def test_packed_recordings_keep_their_fingerprint_until_their_source_changes(tmp_path):
    data = tmp_path / "data"
    write_data_set(data, Recipe(mice=1, neurons=4, train_trials=2, videos=1, repeats=1))
    unpacked = recordings.look(data)
    pack(plan_packing(data, packed_folder(data)), exact=False, jobs=1)
    packed = recordings.look(data)
    assert packed == dataclasses.replace(unpacked, packed=1)
    session = next(data.glob("dynamic*"))
    (session / "data" / "videos" / "0.npy").touch()
    stale = recordings.look(data)
    assert "has changed since it was packed" in stale.failure
    assert "pack DATA --again" in stale.remedy


def test_storage_is_written_and_nothing_is_left(tmp_path):
    home = tmp_path / "new" / "home"
    (found,) = storage.check(ThisMachine(), home)
    assert found.state == "ok"
    assert not list(tmp_path.iterdir())
    home.mkdir(parents=True)
    storage.check(ThisMachine(), home)
    assert not list(home.iterdir())


def test_storage_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "home").touch()
    with pytest.raises(StorageError, match="is a file"):
        storage.check(ThisMachine(), tmp_path / "home")


def test_a_node_that_does_not_share_the_home_is_a_problem(tmp_path, monkeypatch):
    monkeypatch.setattr(storage, "SECONDS", 0.0)
    elsewhere = tmp_path / "elsewhere"

    class Two(ThisMachine):
        names = ()

        def ask(self, function, folder, mark):
            self.names = ("a", "b", "c")
            visits = [function(folder, mark), function(elsewhere, mark)]
            visits.append(storage.Visit("unseen", 1.0))
            return [Answer(node, seen) for node, seen in zip(self.names, visits, strict=True)]

    home = tmp_path / "home"
    unshared, unseen, good = storage.check(Two(), home)
    assert unshared.found == f"node b does not see {home}"
    assert "Mount the same shared folder" in unshared.remedy
    assert unseen.found == f"what node c writes in {home} is not seen here"
    assert (good.state, "from 1 node" in good.found) == ("ok", True)
    assert not elsewhere.exists(), "a node that lacks the folder must not make one"


def test_the_embedded_database_is_tried(tmp_path, monkeypatch):
    monkeypatch.delenv(tracking.TRACKING_VARIABLE, raising=False)
    path = tracking_database(tmp_path)
    assert states(tracking.check(tmp_path)) == ["ok"]
    assert not path.exists()
    tracking.open_client(tmp_path).search_experiments()
    (found,) = tracking.check(tmp_path)
    assert (found.state, "can be written" in found.found) == ("ok", True)
    monkeypatch.setattr(tracking, "PATIENCE", 0.0)
    with sqlite3.connect(path) as holder:
        holder.execute("BEGIN IMMEDIATE")
        (found,) = tracking.check(tmp_path)
        holder.rollback()
    holder.close()
    assert (found.state, "locked" in found.found) == ("problem", True)
    path.write_text("this is no database, and long enough for a header of one " * 20)
    assert "not a database" in tracking.check(tmp_path)[0].found


def test_a_server_that_is_away_is_a_problem_within_seconds(tmp_path, monkeypatch):
    with socket.socket() as unheard:  # bound but not listening: it refuses
        unheard.bind(("127.0.0.1", 0))
        uri = f"http://127.0.0.1:{unheard.getsockname()[1]}"
        monkeypatch.setenv(tracking.TRACKING_VARIABLE, uri)
        before = dict(os.environ)
        (found,) = tracking.check(tmp_path)
    assert found.state == "problem"
    assert f"{uri}: connection refused" in found.found
    assert dict(os.environ) == before


def test_a_store_takes_records_again_and_again(tmp_path, monkeypatch):
    monkeypatch.setenv(tracking.TRACKING_VARIABLE, f"sqlite:///{tmp_path}/other.db")
    assert states(tracking.check(tmp_path) + tracking.check(tmp_path)) == ["ok", "ok"]
    names = [each.name for each in tracking.open_client(tmp_path).search_experiments()]
    assert names == ["Default"]


@pytest.mark.parametrize("address", ["nonsense", "ray://head:10001", "127.0.0.1:99999", ":1"])
def test_an_address_without_a_cluster_is_refused_before_ray_waits(address):
    refused = pytest.raises(UserError, match=r"auto or HOST:PORT|no Ray cluster answers")
    with refused, connection.connected(address):
        pass


def test_nodes_at_one_address_are_told_apart():
    assert named([("h", "aaaaaaaa"), ("i", "b")]) == {"h": "aaaaaaaa", "i": "b"}
    assert list(named([("h", "aaaaaaaa"), ("h", "bbbbbbbb")])) == ["h/aaaaaa", "h/bbbbbb"]


def test_a_check_that_breaks_is_a_problem_that_names_it():
    (found,) = guarded("disk", lambda: [][0])
    assert (found.name, found.state) == ("disk", "problem")
    assert "IndexError: list index out of range" in found.found
    assert "1 problem" in summary([found, ok("a", "b")], Path("data"))
    told = summary([ok("a", "b")], Path("data"), home=None, address="auto", store="s3://b/searches")
    assert told.endswith("run data --name NAME --address auto --store s3://b/searches")


def doctor(monkeypatch, *arguments):
    """The exit code of `python -m search doctor` in this process."""
    monkeypatch.delenv(tracking.TRACKING_VARIABLE, raising=False)
    monkeypatch.setattr(sys, "argv", ["search", "doctor", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        console.run(app, "python -m search")
    return ended.value.code or 0


def test_the_command_looks_at_everything_and_goes_on_after_a_problem(
    data, tmp_path, monkeypatch, capsys
):
    home, file = tmp_path / "home", tmp_path / "findings.json"
    assert doctor(monkeypatch, data, "--home", home) == 0
    printed = capsys.readouterr().out
    assert f"next: python -m search run {data}" in printed.replace("\n", "")
    nowhere = tmp_path / "nowhere"
    words = (nowhere, "--home", home, "--address", "nonsense", "--json", file)
    assert doctor(monkeypatch, *words) == 1
    found = {line["name"]: line for line in json.loads(file.read_text())}
    broken = {name for name, line in found.items() if line["state"] == "problem"}
    assert broken == {"Ray", "data"}
    assert {"GPUs", "cores", "memory", "disk", "versions", "storage", "MLflow"} <= set(found)
    assert all(line["remedy"] for line in found.values() if line["state"] != "ok")
    printed = capsys.readouterr().out
    assert "2 problems" in printed
    assert not home.exists()


@pytest.mark.slow
def test_every_node_of_a_cluster_is_asked(data, tmp_path):
    """One of them declares a GPU that it lacks."""
    file = tmp_path / "findings.json"
    words = ["doctor", str(data), "--home", str(tmp_path / "home"), "--json", str(file)]
    program = [sys.executable, "-m", "tests.search.doctor_cluster", *words]
    ended = subprocess.run(program, capture_output=True, text=True, timeout=600, check=False)
    assert file.exists(), ended.stderr
    found = json.loads(file.read_text())
    lines = {line["name"]: line["found"] for line in found if line["state"] == "ok"}
    assert lines["nodes"] == "2 nodes with 1 core and 1 GPU for trials"
    assert "from 2 nodes" in lines["storage"]
    assert {"versions", "clock", "memory", "disk"} <= set(lines)
    if not torch.cuda.is_available():
        (lacking,) = [line["found"] for line in found if line["state"] == "problem"]
        assert "GPUs that Ray counts: 1, that torch sees: 0" in lacking
        assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
