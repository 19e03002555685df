"""A search whose MLflow is a server that is killed in the middle, and comes back."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time

import psutil
import pytest
import requests

from models.runs import SCORE
from search import delivery as delivering
from search.delivery import Delivery
from search.mlflow_store import is_embedded
from search.tracking import PARENT
from search.ui import ENVIRONMENT
from tests.search.writer import Writer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
LONG = 600.0
EPOCHS = 40


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def server(place, port):
    """MLflow's server; at the end it and all that it has started are killed."""
    database = f"sqlite:///{place / 'server.db'}"
    words = ["--backend-store-uri", database, "--host", "127.0.0.1", "--port", str(port)]
    command = [sys.executable, "-m", "mlflow", "server", *words, "--workers", "1"]
    with (place / "server.log").open("a") as log:
        process = subprocess.Popen(
            command, cwd=place, env=os.environ | ENVIRONMENT, stdout=log, stderr=log
        )
    try:
        wait_for(process, port, place / "server.log")
        yield
    finally:
        family = [psutil.Process(process.pid)]
        family += family[0].children(recursive=True)
        for each in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.send_signal(signal.SIGKILL)
        process.wait()
        assert not psutil.wait_procs(family, timeout=30)[1]


def wait_for(process, port, log):
    deadline = time.monotonic() + LONG
    while True:
        assert process.poll() is None, log.read_text()[-2000:]
        assert time.monotonic() < deadline, log.read_text()[-2000:]
        with contextlib.suppress(requests.ConnectionError):
            if requests.get(f"http://127.0.0.1:{port}/health", timeout=5).ok:
                return
        time.sleep(0.2)


def until(holds):
    deadline = time.monotonic() + LONG
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_server_that_is_killed_and_started_again_has_all_once_and_in_order(tmp_path, monkeypatch):
    monkeypatch.setattr(delivering, "PAUSES", (0.2,))
    port = free_port()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
    assert not is_embedded()
    (tmp_path / "home").mkdir()
    writer = Writer(tmp_path / "home")
    delivery = Delivery(writer.outbox, writer.store.deliver, writer.told.append)
    writer.tracker.begin({"trials": 2})
    run = writer.trial("0", EPOCHS)
    writer.tracker.keep("0", run.path, "weights.pt")
    writer.tracker.register("0")
    with server(tmp_path, port):
        delivery.start()
        until(lambda: writer.outbox.sent > EPOCHS // 4)
        assert writer.outbox.left
    writer.trial("1", EPOCHS)
    writer.tracker.close(interrupted=False)
    until(lambda: delivery.away)
    assert not delivery.wait(LONG)
    with server(tmp_path, port):
        until(lambda: not writer.outbox.left)
        delivery.close()
        runs = writer.runs()
        assert set(runs) == {PARENT, "0", "1"}
        assert {each.info.status for each in runs.values()} == {"FINISHED"}
        wanted = [(epoch, epoch / 10) for epoch in range(1, EPOCHS + 1)]
        assert [writer.points(key) for key in "01"] == [wanted, wanted]
        times = [
            point.timestamp
            for key in "01"
            for point in writer.client.get_metric_history(runs[key].info.run_id, SCORE)
        ]
        assert times == sorted(times)
        assert writer.content("0", "weights.pt") == "weights of 0"
        best = writer.client.get_model_version_by_alias("a", "best")
        assert best.run_id == runs["0"].info.run_id
    assert len(writer.told) == 2
    assert "cannot be reached" in writer.told[0]
    assert "is back" in writer.told[1]
