"""A cluster of three machines, started with `ray up`, for all tests of a file."""

import contextlib
import json
import os
import secrets
import signal
import subprocess

import pytest
import yaml

from tests.system.lab import FOLDER, LAPTOP, Lab, why_not

CLUSTER = "sensorium-search/tests/system/cluster-local.yaml"
DASHBOARD = "http://127.0.0.1:8265"
SHARED = FOLDER / "shared"
EPOCHS = 12
SPACE = {
    "fixed": {
        "network.family": "linear",
        "network.clip_frames": 40,
        "data.downsample": 4,
        "data.folds": 2,
        "training.epochs": EPOCHS,
        "training.clips_per_epoch": 40,
        "training.batch_size": 4,
        "training.checkpoint_minutes": 0,
    },
    "parameters": {
        "training.learning_rate": {"log": [1e-3, 1e-2]},
        "training.weight_decay": {"log": [1e-4, 1e-1]},
    },
}
ENVIRONMENT = ("RAY_UP_enable_autoscaler_v2=0", "RAY_USAGE_STATS_ENABLED=0", "RAY_AUTH_MODE=token")
RAY = ("env", *ENVIRONMENT, "ray")


class Cluster:
    """What a user at the laptop does with the cluster, and what a test looks at."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab

    def ray(self, command: str, *words: str, timeout: float = 600) -> str:
        """`ray COMMAND` on the laptop; what it prints."""
        return self.lab.run(LAPTOP, *RAY, command, *words, timeout=timeout)

    def execute(self, command: str, timeout: float = 600) -> str:
        """`ray exec` of a command on the head; what it prints."""
        return self.ray("exec", CLUSTER, command, timeout=timeout)

    def refused(self, command: str) -> str:
        """What a command prints on the head that is a user's mistake; in one line."""
        text = self.lab.run("head", "bash", "-c", f"{command}; test $? = 2")
        return " ".join(text.split())

    def up(self) -> None:
        """Start it, or bring it up to date."""
        self.ray("up", "-y", "--no-config-cache", CLUSTER)

    def wait_for_nodes(self, count: int) -> None:
        """Wait until so many of its nodes live."""
        living = "sum(node['Alive'] for node in ray.nodes())"
        asked = f"while {living} != {count}: time.sleep(0.5)"
        words = ("python", "-c", f"import ray, time\nray.init('auto')\n{asked}")
        self.lab.run("head", *words, timeout=600)

    @contextlib.contextmanager
    def tunnel(self, *ports: int):
        """These ports of the head at the same ports of the laptop."""
        forward = [word for port in ports for word in ("--port-forward", str(port))]
        words = [*RAY, "exec", *forward, CLUSTER, "sleep 100000"]
        with (FOLDER / "tunnel.log").open("wb") as log:
            command = self.lab.machines[LAPTOP].command(*words)
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            try:
                yield
            finally:
                for number in self.lab.machines[LAPTOP].processes("ssh"):
                    os.kill(number, signal.SIGKILL)  # what holds the ports, whoever began it
                process.wait()

    def job(self, command: str, *words: str) -> str:
        """`ray job COMMAND` on the laptop, through a tunnel to port 8265; what it prints."""
        return self.ray("job", command, "--address", DASHBOARD, *words)

    def fetch(self, url: str, body: dict | None = None, by: str = LAPTOP) -> str:
        """What a machine, or the laptop, gets from an address; empty while nothing answers."""
        words = ["curl", "-s", "-m", "10", url]
        if body is not None:
            words += ["-H", "Content-Type: application/json", "-d", json.dumps(body)]
        process = subprocess.run(self.lab.machines[by].command(*words), capture_output=True)
        return process.stdout.decode()

    def lines(self, name: str) -> dict[int, list[dict]]:
        """The epochs of each trial of a search."""
        runs = (SHARED / "searches" / name / "runs").glob("*/metrics.jsonl")
        return {
            int(path.parent.name): [json.loads(line) for line in path.read_text().splitlines()]
            for path in runs
        }

    def hosts(self) -> list[str]:
        """The machines on which a trial has a worker."""
        return [name for name, each in self.lab.machines.items() if each.processes("Trainable")]


@pytest.fixture(scope="module")
def lab():
    """Four machines without anything on them."""
    reason = why_not()
    if reason:
        pytest.skip(f"a cluster on one machine {reason}")
    with Lab() as machines:
        yield machines


@pytest.fixture(scope="module")
def cluster(lab):
    """A head and two workers, recordings, and a space."""
    from models.recordings.synthetic import Recipe, write_data_set

    token = FOLDER / LAPTOP / "home/.ray/auth_token"
    token.write_text(secrets.token_hex(32))
    recipe = Recipe(mice=1, neurons=6, train_trials=12, videos=1, repeats=2)
    write_data_set(SHARED / "data", recipe)
    (SHARED / "space.yaml").write_text(yaml.safe_dump(SPACE))
    cluster = Cluster(lab)
    cluster.up()
    cluster.wait_for_nodes(3)
    return cluster
