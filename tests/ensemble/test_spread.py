"""Builds on two workers of a Ray: the same bytes as alone, whoever is lost."""

from dataclasses import replace

import pytest
import ray

from ensemble.manifest import Manifest
from ensemble.predicting import spread
from ensemble.predicting.cluster import joined
from ensemble.predicting.workers import Workers
from models.errors import UserError
from models.remote import Remote
from tests.buckets import BUCKET, bucket_at_hand
from tests.ensemble.building import build_into, count, counted_responses, evaluation_of
from tests.ensemble.dying import ALWAYS, Dying, DyingOnce

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.usefixtures("one_thread", "small"),
]
TWO = Workers("local", count=2)


@pytest.fixture(scope="module", autouse=True)
def ray_of_two_cores():
    """One Ray for all tests here, whose workers find a bucket: to start it takes most of their time."""
    with bucket_at_hand(), joined("local", 2):
        yield
    assert not ray.is_initialized()


@pytest.fixture
def alone(demo, tmp_path):
    """A build without Ray: its folder and its files."""
    out = tmp_path / "alone"
    return out, build_into(out, demo)[1]


def test_a_worker_that_is_killed_changes_nothing(demo, tmp_path, alone, monkeypatch):
    monkeypatch.setattr(spread, "Worker", DyingOnce)
    monkeypatch.setattr(spread, "PATIENCE", 0)
    calls = counted_responses(monkeypatch)
    text, files = build_into(tmp_path / "spread", demo, workers=TWO)
    assert not calls, "workers predict"
    assert f"{count(demo)} parts on 2 workers, each with 1 CPU" in text
    assert text.count("is tried again: the worker was lost") == 1
    assert "oracle: 2 trials in" in text
    assert files == alone[1]
    assert evaluation_of(tmp_path / "spread") == evaluation_of(alone[0])
    assert Manifest.read(tmp_path / "spread").options["workers"]["count"] == 2


def test_a_part_that_kills_every_worker_is_named_and_the_others_are_kept(
    demo, tmp_path, alone, monkeypatch
):
    monkeypatch.setattr(spread, "Worker", Dying)
    out = tmp_path / "spread"
    with pytest.raises(UserError, match=f"part {ALWAYS}/.* failed 3 times: the worker was lost"):
        build_into(out, demo, workers=TWO)
    kept = len([*(out / "unchecked").rglob("*.npz")])
    assert kept
    text, files = build_into(out, demo)
    assert f"{kept} of {count(demo)} parts are there" in text
    assert files == alone[1]


def test_workers_without_a_shared_folder_leave_parts_in_a_bucket(demo, tmp_path, alone):
    store = f"s3://{BUCKET}/work"
    out = tmp_path / "spread"
    stored = demo.stored(tmp_path / "home", Remote.parse(f"s3://{BUCKET}/searches/demo"))
    text, files = build_into(out, stored, workers=replace(TWO, store=store))
    assert f"{count(demo)} parts on 2 workers" in text
    assert files == alone[1]
    assert evaluation_of(out) == evaluation_of(alone[0])
    assert Manifest.read(out).options["workers"]["store"] == store
    assert not Remote.parse(store).sizes()


def test_a_worker_that_never_begins_ends_the_build(demo, tmp_path, monkeypatch):
    monkeypatch.setattr(spread.Software, "here", lambda: spread.Software("other", "torch"))
    with pytest.raises(UserError, match=r"a worker did not begin: .* its code is"):
        build_into(tmp_path / "spread", demo, workers=TWO)
