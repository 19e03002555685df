"""A run an epoch at a time: every failure is a result, and one process at a time trains it."""

import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest

from models.recordings.locks import locking
from models.runs import SCORE, RunFolder
from models.training.failure import TrainingPaused
from search import steps as module
from search.notice import Notice
from search.steps import FAILURE, FINISHED, LEAVING, PAUSED, TRACE, Settings, Steps, is_over
from tests.search import fakes

HOLDER = """
import sys
from pathlib import Path
from models.recordings.locks import locking
with locking(Path(sys.argv[1])) as mine:
    print(mine, flush=True)
    sys.stdin.read()
"""


class Asked(fakes.FakeFit):
    """Is asked to pause in the middle of its second epoch."""

    def train_epoch(self):
        if self.epoch == 1 and not (self.folder.path / "asked").exists():
            (self.folder.path / "asked").touch()
            assert not self.pause()
            (self.folder.path.parent.parent / "pause").touch()
            assert not self.pause(), "folders may be remote: not after every step"
            Clock.seconds += 2
            if self.pause():
                raise TrainingPaused
        return super().train_epoch()


class Crowded(fakes.FakeFit):
    """Needs more memory than there is."""

    def train_epoch(self):
        raise MemoryError


class Shared(fakes.FakeFit):
    """Finds the memory of its device taken by others."""

    def train_epoch(self):
        raise RuntimeError("CUDA error: out of memory\nSearch for `cudaErrorMemoryAllocation'")


class Clock:
    seconds = 0.0


@pytest.fixture
def make(tmp_path, monkeypatch):
    """Steps of a run that behaves in this way."""
    clock = SimpleNamespace(monotonic=lambda: Clock.seconds, sleep=None)
    monkeypatch.setattr(module, "time", clock)

    def steps(kind=fakes.GOOD, fit="tests.search.fakes:FakeFit", **flat):
        settings = Settings(
            runs=tmp_path / "runs", data=tmp_path, device="cpu", pause=tmp_path / "pause", fit=fit
        )
        asked = {"network.family": "linear", "network.filters": kind}
        asked |= {"training.epochs": fakes.EPOCHS}
        return Steps(settings, tmp_path / "runs" / "0", {**asked, **flat})

    return steps


def trained(steps):
    """Every result up to the last."""
    results = [steps.step()]
    while not is_over(results[-1]):
        results.append(steps.step())
    return results


def is_free(steps):
    with locking(steps.folder / "training.lock") as mine:
        return mine


def test_a_run_is_finished_with_its_last_epoch(make):
    steps = make()
    results = trained(steps)
    assert [result["epoch"] for result in results] == [1, 2, 3, 4]
    assert [result[FINISHED] for result in results] == [False] * 3 + [True]
    assert RunFolder(steps.folder).status().state == "complete"
    assert is_free(steps)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (fakes.DIVERGES, "the loss is nan in epoch 1"),
        (fakes.RAISES, "ValueError: a broken layer"),
        (fakes.NAN_SCORE, "the validation score is nan"),
    ],
)
def test_a_failure_is_a_result(make, kind, reason):
    steps = make(kind)
    last = trained(steps)[-1]
    assert last[FAILURE] == reason
    assert not last[FINISHED]
    assert ("Traceback" in last[TRACE]) == (kind == fakes.RAISES)
    assert SCORE not in last
    assert is_free(steps)


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"network.filters": 0}, "greater than or equal to 1"),
        ({"fit": "tests.search.nowhere:Fit"}, "ModuleNotFoundError: No module named"),
        ({"fit": "tests.search.test_steps:Crowded"}, "MemoryError: "),
        (
            {"fit": "tests.search.test_steps:Shared"},
            "RuntimeError: CUDA error: out of memory (all that share the device need more than it "
            "has: set a larger --gpus-per-trial)",
        ),
    ],
)
def test_what_cannot_even_begin_is_a_result_too(make, asked, reason):
    steps = make(**asked)
    last = trained(steps)[-1]
    assert reason in last[FAILURE]
    assert "\n" not in last[FAILURE]
    assert is_free(steps)


def test_a_run_pauses_in_the_middle_of_an_epoch_and_goes_on(make, tmp_path):
    steps = make(fit="tests.search.test_steps:Asked")
    assert trained(steps)[-1] == {PAUSED: True, FINISHED: False}
    assert RunFolder(steps.folder).status() is None
    assert len(RunFolder(steps.folder).metrics()) == 1
    assert is_free(steps)
    (tmp_path / "pause").unlink()
    assert [result["epoch"] for result in trained(steps)] == [2, 3, 4]


def test_between_epochs_the_pause_is_always_looked_for(make, tmp_path):
    steps = make()
    steps.step()
    (tmp_path / "pause").touch()
    assert PAUSED in steps.step()
    assert PAUSED in make().step(), "nothing is loaded for it"


def test_a_notice_pauses_a_run_where_notices_are_asked_for(make, monkeypatch):
    monkeypatch.setattr(Notice, "look", lambda notice: setattr(notice, "given", True) or True)
    steps = make()
    assert not is_over(steps.step())
    steps.settings.notices = True
    assert steps.step() == {PAUSED: True, LEAVING: True, FINISHED: False}


def test_a_run_that_lost_its_worker_before_its_last_report_is_finished(make):
    first = trained(make())
    folder = RunFolder(make().folder)
    (folder.path / "status.json").unlink()
    (last,) = trained(make())
    assert last == first[-1]
    assert folder.status().state == "complete"


@pytest.fixture
def holder(make):
    """Another process that trains the same run."""
    folder = make().folder
    folder.mkdir(parents=True)
    command = [sys.executable, "-c", HOLDER, str(folder / "training.lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"True\n"
        yield process
        process.kill()


@pytest.mark.parametrize("end", [signal.SIGKILL, None])
def test_a_second_process_waits_until_the_run_is_free(make, holder, end):
    waits = []

    def sleep(_):
        waits.append(1)
        if len(waits) == 3:
            holder.stdin.close() if end is None else holder.send_signal(end)
            holder.wait()

    module.time.sleep = sleep
    assert trained(make())[-1][FINISHED]
    assert len(waits) == 3


def test_a_run_that_never_gets_free_is_a_failure(make, holder):  # noqa: ARG001
    def sleep(seconds):
        Clock.seconds += seconds

    module.time.sleep = sleep
    steps = make()
    assert steps.step()[FAILURE] == f"another process trains {steps.folder}"
    assert not (steps.folder / "config.json").exists()
