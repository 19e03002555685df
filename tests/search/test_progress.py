"""How a search stands, in a line."""

import io
import time

import pytest
from rich.console import Console

from models.runs import Status
from search import machine as machines
from search import progress as module
from search.ledger import Ledger
from search.limits import Limits
from search.machine import Machine
from search.progress import Progress, duration, ended, line, used
from search.scoreboard import Row, Scoreboard

FLAT = {"network.family": "dwiseneuro"}


class Clock:
    def __init__(self):
        self.now = 1e9

    def __call__(self):
        return self.now


def row(number, state, score=None, epoch=3):
    return Row(number, FLAT, 9, state=state, score=score, epoch=epoch)


def board_of(*rows, trials=8):
    board = Scoreboard(trials, {each.number: each for each in rows})
    board.began = time.monotonic() - 125.5
    return board


@pytest.fixture
def machine():
    """One whose GPUs are 90 % and 60 % busy."""
    found = Machine()
    found.values = {
        "cpu_utilization_percentage": 7.0,
        "gpu_0_utilization_percentage": 90.0,
        "gpu_0_memory_usage_percentage": 1.0,
        "gpu_1_utilization_percentage": 60.0,
    }
    return found


def test_a_search_that_has_just_begun():
    assert line(board_of()) == "0/8 trials · 0 running · 2m05s"
    assert line(board_of(trials=None)) == "0 trials · 0 running · 2m05s"


def test_every_state_is_counted_and_the_best_complete_trial_is_named():
    board = board_of(
        row(0, "complete", 0.2),
        row(1, "complete", 0.25),
        row(2, "pruned", 0.9),
        row(3, "failed"),
        row(4, "running", 0.8),
        row(5, "interrupted", 0.1),
    )
    board.floor = Status(state="complete", epoch=9, epochs=9, score=0.05)
    assert line(board) == (
        "4/8 trials · 1 running · 1 to go on · 1 stopped early · 1 failed"
        " · best 0.250 (trial 1, dwiseneuro) · floor 0.050 · 2m05s"
    )


def test_before_a_trial_is_complete_the_leader_is_named_with_its_epoch():
    board = board_of(row(0, "running", 0.2), row(1, "running", 0.3, epoch=4), row(2, "running"))
    board.floor = Status(state="failed", epoch=1, epochs=9)
    assert "leading 0.300 (trial 1, dwiseneuro, epoch 4/9) · floor failed" in line(board)


def test_budgets_and_gpus(tmp_path, machine):
    clock = Clock()
    ledger = Ledger(tmp_path, 0.5, clock)
    ledger.begin("0")
    clock.now += 3 * 3600
    limits = Limits(hours=5, gpu_hours=20)
    assert used(ledger, limits, machine) == ("1.5 of 20 GPU-hours · 2h00m left · GPUs 75 % busy")
    clock.now += 9 * 3600
    assert "0s left" in used(ledger, limits, machine)
    assert used(ledger, Limits(), Machine()) == "6.0 GPU-hours"


def test_on_a_cpu_there_is_nothing_to_say_of_gpus(tmp_path, machine):
    ledger = Ledger(tmp_path, 0.0)
    assert used(ledger, Limits(trials=3), machine) == ""
    assert used(ledger, Limits(hours=1), machine) == "1h00m left" or "59m" in used(
        ledger, Limits(hours=1), machine
    )


@pytest.mark.parametrize(
    ("seconds", "wanted"),
    [
        (0.9, "0s"),
        (59.9, "59s"),
        (60, "1m00s"),
        (3599, "59m59s"),
        (3720, "1h02m"),
        (1e6, "277h46m"),
    ],
)
def test_durations(seconds, wanted):
    assert duration(seconds) == wanted


@pytest.mark.parametrize(
    ("state", "score", "reason", "wanted"),
    [
        ("complete", 0.2, "no better score", "complete at epoch 3/9, 0.200"),
        ("pruned", 0.1, "among the weaker ones", "stopped early at epoch 3/9, 0.100"),
        ("failed", None, "out of memory", "failed at epoch 3/9: out of memory"),
    ],
)
def test_an_end_is_one_line(state, score, reason, wanted):
    over = row(7, state, score)
    over.reason = reason
    assert ended(over) == f"trial 7 (dwiseneuro) {wanted}"


@pytest.fixture
def shown(tmp_path, machine):
    """A progress on a pipe, and what it has printed."""
    file = io.StringIO()
    board = board_of(row(0, "complete", 0.2), row(1, "running"))
    ledger = Ledger(tmp_path, 1.0)
    console = Console(file=file, width=200)
    progress = Progress(console, board, ledger, Limits(gpu_hours=2), machine)
    return progress, lambda: file.getvalue().splitlines()


def test_on_a_pipe_an_end_comes_with_how_the_search_stands(shown):
    progress, printed = shown
    with progress:
        progress.tell_end(progress.board.rows[0])
    end, stands = printed()
    assert end == "trial 0 (dwiseneuro) complete at epoch 3/9, 0.200"
    assert stands.startswith("1/8 trials · 1 running · best 0.200")
    assert stands.endswith("0.0 of 2 GPU-hours · GPUs 75 % busy")


def test_on_a_pipe_there_is_a_line_now_and_then(shown, monkeypatch):
    progress, printed = shown
    progress.tick()
    assert printed() == []
    monkeypatch.setattr(module, "QUIET_SECONDS", 0.0)
    progress.tick()
    assert len(printed()) == 1


def test_it_says_that_trials_wait_for_disk_space(shown, monkeypatch):
    progress, printed = shown
    monkeypatch.setattr(module, "QUIET_SECONDS", 0.0)
    progress.waiting = True
    progress.tick()
    progress.waiting = False
    progress.tick()
    assert [text.endswith("waiting for disk space") for text in printed()] == [True, False]


def test_markup_in_a_reason_is_text(shown):
    progress, printed = shown
    progress.tell("trial 3 failed: [bold]index[0]")
    assert printed() == ["trial 3 failed: [bold]index[0]"]


class Nvml:
    """NVIDIA's library on a machine with these GPUs."""

    NVMLError = OSError

    def __init__(self, *busy):
        self.busy = busy

    def __getattr__(self, _):
        return lambda *_: None

    def nvmlInit(self):  # noqa: N802
        if not self.busy:
            raise self.NVMLError

    def nvmlDeviceGetCount(self):  # noqa: N802
        return len(self.busy)

    def nvmlDeviceGetHandleByIndex(self, index):  # noqa: N802
        return index

    def nvmlDeviceGetMemoryInfo(self, _):  # noqa: N802
        return type("Memory", (), {"used": 2.0, "total": 8.0})

    def nvmlDeviceGetUtilizationRates(self, index):  # noqa: N802
        return type("Use", (), {"gpu": self.busy[index]})


@pytest.mark.parametrize(("busy", "wanted"), [((), None), ((40,), 40.0), ((100, 0), 50.0)])
def test_a_machine_is_measured_now_and_then(monkeypatch, busy, wanted):
    monkeypatch.setattr(machines, "pynvml", Nvml(*busy))
    found = Machine()
    assert found.gpu_use is None
    assert [found.is_due(), found.is_due()] == [True, False]
    assert found.gpu_use == wanted
    assert found.seconds >= 0
    assert 0 < found.values["system_memory_usage_percentage"] <= 100
    assert found.values.get("gpu_0_memory_usage_percentage") == (25.0 if busy else None)
