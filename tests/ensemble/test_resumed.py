"""A build that ended early goes on from its finished parts, to the same bytes."""

import contextlib
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from ensemble import passes
from ensemble.predicting import parts as parts_module
from models.errors import RunError, UserError
from models.remote import Remote
from models.trained import TrainedRun
from tests.ensemble.building import (
    Stored,
    build_into,
    count,
    counted_responses,
    evaluation_of,
    files_of,
    stop_after,
)


@pytest.fixture(scope="module")
def undisturbed(demo, tmp_path_factory):
    """A build that nothing happened to, with parts of a mouse's whole tier."""
    out = tmp_path_factory.mktemp("undisturbed")
    build_into(out, demo)
    return out


@pytest.mark.usefixtures("small")
def test_parts_of_a_trial_give_the_same_files(demo, undisturbed, tmp_path):
    _, files = build_into(tmp_path, demo)
    assert files == files_of(undisturbed)


def test_workers_end_before_their_cluster_does(demo, tmp_path, monkeypatch):
    told, alone = [], passes.gathered

    class Told:
        def __init__(self, crew):
            self.crew, self.job = crew, crew.job

        def make_all(self, *asked):
            try:
                yield from self.crew.make_all(*asked)
            finally:
                told.append("workers ended")

    @contextlib.contextmanager
    def gathered(*asked):
        with alone(*asked) as crew:
            yield Told(crew)
        told.append("cluster ended")

    monkeypatch.setattr(passes, "gathered", gathered)
    build_into(tmp_path, demo)
    assert told == ["workers ended", "cluster ended"]


DAMAGES = {
    "cut short": lambda content: content[: len(content) // 2],
    "empty": lambda _: b"",
    "another byte": lambda content: content[:500] + bytes([content[500] ^ 1]) + content[501:],
    "something else": lambda _: b"no archive at all",
}


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_part_is_computed_again(demo, undisturbed, tmp_path, monkeypatch, damage):
    stop_after(monkeypatch, 5)
    with pytest.raises(KeyboardInterrupt):
        build_into(tmp_path, demo)
    monkeypatch.undo()
    monkeypatch.setattr(parts_module, "PART_BYTES", 1)
    part = next((tmp_path / "unchecked").rglob("*.npz"))
    part.write_bytes(DAMAGES[damage](part.read_bytes()))
    text, files = build_into(tmp_path, demo)
    assert f"4 of {count(demo)} parts are there from a build that did not end" in text
    assert files == files_of(undisturbed)


def test_parts_of_another_ensemble_are_removed(demo, tmp_path, monkeypatch):
    stop_after(monkeypatch, 2)
    with pytest.raises(KeyboardInterrupt):
        build_into(tmp_path, demo)
    stop_after(monkeypatch, 1)
    with pytest.raises(KeyboardInterrupt):
        build_into(tmp_path, demo, frames=250)
    (key,) = (tmp_path / "unchecked" / "parts").iterdir()
    assert len([*key.rglob("*.npz")]) == 1


def test_nothing_is_left_of_a_build_that_ends(undisturbed):
    assert not [path for path in undisturbed.iterdir() if path.is_dir()]


def test_a_prediction_that_is_not_finite_is_no_part(demo, tmp_path, monkeypatch):
    def broken(_, session, *__):
        return np.full((session.neurons, 300), np.nan, np.float32)

    monkeypatch.setattr(TrainedRun, "respond", broken)
    with pytest.raises(UserError, match="finite everywhere"):
        build_into(tmp_path, demo)
    assert not [*tmp_path.rglob("*.npz"), *tmp_path.glob("predictions_*")]


def test_a_run_that_cannot_be_read_is_named_at_once(demo, tmp_path):
    copied = demo.copy(tmp_path / "home")
    for number in (0, 1, 4):
        (copied.run(number) / "weights.pt").write_bytes(b"no weights")
    with pytest.raises(RunError, match="not a readable checkpoint"):
        build_into(tmp_path / "out", copied)


def run_build(demo, out, *parts):
    """Build in a process of its own, which dies after so many parts; its exit code."""
    words = [demo.data, demo.home, out, *parts]
    command = [sys.executable, "-m", "tests.ensemble.building", *map(str, words)]
    return subprocess.run(
        command, env=os.environ | {"OMP_NUM_THREADS": "1"}, stdout=subprocess.DEVNULL, check=False
    )


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread", "small")
def test_a_killed_build_goes_on_to_the_same_bytes(demo, tmp_path, monkeypatch):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert run_build(demo, whole).returncode == 0
    for more in (3, 4):
        assert run_build(demo, killed, more).returncode == -signal.SIGKILL
    (key,) = (killed / "unchecked" / "parts").iterdir()
    assert len([*key.glob("*/*/[!.]*.npz")]) == 7
    assert len([*key.glob("*/*/.*")]) == 1, "of the second kill"
    responses = counted_responses(monkeypatch)
    text, files = build_into(killed, demo)
    assert f"7 of {count(demo)} parts are there" in text
    assert files == files_of(whole)
    assert evaluation_of(killed) == evaluation_of(whole)
    assert not (killed / "unchecked").exists()
    assert len(responses) == (2 + 1) * (count(demo) - 7), "two members and the floor, what is left"


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread", "small")
def test_a_killed_build_whose_machine_is_lost_goes_on_from_its_store(demo, tmp_path, monkeypatch):
    place = (tmp_path / "bucket").as_uri()
    _, files = build_into(tmp_path / "whole", demo)
    assert run_build(demo, tmp_path / "lost", 3, place).returncode == -signal.SIGKILL
    assert run_build(demo, tmp_path / "lost too", 4, place).returncode == -signal.SIGKILL
    responses = counted_responses(monkeypatch)
    text, made = build_into(tmp_path / "again", demo, workers=Stored(store=place))
    assert f"7 of {count(demo)} parts are there" in text
    assert made == files
    assert evaluation_of(tmp_path / "again") == evaluation_of(tmp_path / "whole")
    assert not Remote.parse(place).sizes()
    assert len(responses) == (2 + 1) * (count(demo) - 7), "two members and the floor, what is left"
