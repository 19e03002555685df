"""MLflow's UI really served, on the search's database, and nothing of it left behind."""

import signal
import socket
import subprocess
import sys
import urllib.request

import pytest
from mlflow import MlflowClient

from models.runs import tracking_database
from tests.waiting import wait_until


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2) as reply:
            return reply.status == 200
    except OSError:
        return False


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of MLflow's own making, when it makes its database
def test_ui_serves_the_search_s_records_until_it_is_told_to_stop(tmp_path):
    MlflowClient(f"sqlite:///{tracking_database(tmp_path)}").create_experiment("mine")
    port = free_port()
    command = [sys.executable, "-m", "search", "ui", "--port", str(port), "--home", str(tmp_path)]
    ui = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: answers(port), 300, "no answer")
        client = MlflowClient(f"http://127.0.0.1:{port}")
        assert client.get_experiment_by_name("mine") is not None
    finally:
        ui.send_signal(signal.SIGTERM)
        ui.wait(120)
    wait_until(lambda: not answers(port), 120, "it answers still")
