"""Searches in a bucket: one whose machine is lost goes on elsewhere, one without a bucket not at all."""

import shutil
import subprocess
import sys
import time

import pytest
import yaml

from models.errors import StorageError
from models.remote import Remote
from models.runs import SCORE, RunFolder
from search.archive import RECORDS, unpacked
from search.copies import DRIVER, check_new
from search.limits import Limits
from search.plan import Plan, read_plan, write_plan
from search.retrieval import retrieve as fetch
from search.sampler import load_study
from search.tables import rows_of
from tests.buckets import BUCKET, bucket_at_hand
from tests.search import fakes
from tests.search.conftest import space_of
from tests.search.searching import driver

pytestmark = [
    pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture(scope="module")
def bucket():
    with bucket_at_hand():
        yield f"s3://{BUCKET}"


def test_no_bucket_is_said_before_anything_starts(bucket, data, tmp_path):
    with pytest.raises(StorageError, match=r"cannot use s3://nowhere/a: When.*does not exist"):
        check_new(Plan(name="a", data=data, store="s3://nowhere/a"))
    check_new(Plan(name="a", data=data, store=f"{bucket}/empty"))
    command = [sys.executable, "-m", "search", "run", str(data), "--name", "a", "--trials", "1"]
    command += ["--home", str(tmp_path / "home"), "--store", "s3://nowhere/a"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "cannot use s3://nowhere/a" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert not (tmp_path / "home/a").exists()


def test_a_search_whose_machine_is_lost_goes_on_elsewhere(bucket, data, tmp_path):
    store = f"{bucket}/{tmp_path.name}"
    begin(tmp_path, data, store)
    wait_until_lost(tmp_path, Remote.parse(store) / "lost")
    shutil.rmtree(tmp_path / "home")

    there = tmp_path / "there"
    fetch(there, "lost", store)
    rows = {row.number: row for row in rows_of(load_study(there / "lost", "lost"))}
    assert [rows[number].state for number in (0, 1, 2)] == ["complete", "complete", "running"]
    before = RunFolder(there / "lost/runs/2").metrics()
    plan = read_plan(there, "lost")
    write_plan(there / "lost", plan.model_copy(update={"limits": Limits(trials=4)}))

    time.sleep(2)  # until its driver is taken for lost
    with hasty_driver(tmp_path, "there") as process:
        process.join()
        assert process.exitcode == 0, (tmp_path / "log").read_text()
    rows = {row.number: row for row in rows_of(load_study(there / "lost", "lost"))}
    assert [rows[number].state for number in range(4)] == ["complete"] * 4
    trained = {n for n in range(4) if (there / f"lost/runs/{n}/pids").exists()}
    assert trained == {2, 3}, "what had ended is not trained again"
    after = RunFolder(there / "lost/runs/2").metrics()
    assert after[: len(before)] == before
    assert len(before) >= 1
    assert [line["epoch"] for line in after] == [1, 2, 3, 4]
    assert rows[0].score == RunFolder(there / "lost/runs/0").metrics()[-1][SCORE]
    place = Remote.parse(store) / "lost"
    assert not place.has(DRIVER)
    kept = {n for n in range(4) if place.has(f"runs/{n}/weights.pt")}
    assert len(kept) == 2
    assert unpacked(place.read(RECORDS))["study.db"]


def begin(place, data, store):
    (place / "space.yaml").write_text(
        yaml.safe_dump(space_of([fakes.GOOD, fakes.GOOD, fakes.SLOW, fakes.GOOD]))
    )
    plan = Plan(
        name="lost",
        data=data,
        space=str(place / "space.yaml"),
        limits=Limits(trials=3),
        fit="tests.search.fakes:FakeFit",
        stopping="none",
        keep=2,
        store=store,
    )
    (place / "plan.json").write_text(plan.model_dump_json())


def wait_until_lost(place, store):
    """Run the search, and kill it when its slow trial has trained an epoch that the store has."""
    with hasty_driver(place, "home") as process:
        while not known(store):
            assert process.is_alive(), (place / "log").read_text()
            time.sleep(0.2)


def hasty_driver(place, home):
    return driver(place / "plan.json", place / home, place / "log", hasty=True)


def known(store):
    """Whether the records in the store know the two complete trials, and the slow one's epoch."""
    if not store.has("runs/2/metrics.jsonl") or not store.has(RECORDS):
        return False
    said = unpacked(store.read(RECORDS))["outbox.jsonl"].decode()
    return said.count('"do": "end"') >= 3
