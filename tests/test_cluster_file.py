"""cluster.yaml and the cluster of the system test, by Ray's own check of every key."""

import copy
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from ray.autoscaler._private.util import prepare_config, validate_config

from search.doctor.machine import ROOMS, code_digest

ROOT = Path(__file__).parents[1]
CLOUD, LOCAL = ROOT / "cluster.yaml", ROOT / "tests/system/cluster-local.yaml"


def read(path):
    return yaml.safe_load(path.read_text())


def check(config):
    validate_config(prepare_config(copy.deepcopy(config)))


@pytest.mark.parametrize("path", [CLOUD, LOCAL], ids=lambda path: path.stem)
def test_every_key_is_one_that_ray_knows(path):
    check(read(path))


@pytest.mark.parametrize("path", [CLOUD, LOCAL], ids=lambda path: path.stem)
def test_a_typo_is_found(path):
    config = read(path)
    config["idle_timeout_minute"] = config.pop("idle_timeout_minutes", 10)
    with pytest.raises(Exception, match="idle_timeout_minute"):
        check(config)


def test_workers_come_from_none_and_go_to_none():
    config = read(CLOUD)
    kinds = config["available_node_types"]
    workers = [kind for name, kind in kinds.items() if name != config["head_node_type"]]
    assert workers
    for kind in workers:
        assert kind["min_workers"] == 0
        assert 0 < kind["max_workers"] <= config["max_workers"]
        assert kind["resources"]["GPU"] >= 1
    assert kinds["head"]["resources"] == {"CPU": 0, "GPU": 0}
    assert 0 < config["idle_timeout_minutes"] <= 30


def test_spot_is_tried_before_on_demand():
    kinds = read(CLOUD)["available_node_types"]
    spot, other = kinds["gpu_spot"], kinds["gpu_on_demand"]
    assert spot["node_config"]["InstanceMarketOptions"] == {"MarketType": "spot"}
    assert "InstanceMarketOptions" not in other["node_config"]
    assert spot["priority"] > other["priority"]
    assert spot["resources"] == other["resources"]
    start = " ".join(read(CLOUD)["head_start_ray_commands"])
    assert "RAY_enable_autoscaler_v2=1" in start, "the first version knows no priorities"


@pytest.mark.parametrize("path", [CLOUD, LOCAL], ids=lambda path: path.stem)
def test_nothing_is_served_on_a_public_address(path):
    config = read(path)
    start = " ".join(config["head_start_ray_commands"])
    assert "--dashboard-host=127.0.0.1" in start
    assert "--host" not in start.replace("--dashboard-host", "")
    assert "RAY_AUTH_MODE=token" in config["setup_commands"][0]
    assert config["file_mounts"]["~/.ray/auth_token"] == "~/.ray/auth_token"


def test_only_ssh_is_open_to_the_world():
    rules = read(CLOUD)["provider"]["security_group"]["IpPermissions"]
    assert [(rule["FromPort"], rule["ToPort"]) for rule in rules] == [(22, 22)]


def test_what_outlasts_a_node_is_in_the_bucket(tmp_path):
    """The settings, as the shell of a node has them; set up again, they are there once."""
    command = read(CLOUD)["setup_commands"][0]
    read_back = f"{command}; {command}; . ~/.bashrc; env; grep -c SENSORIUM_HOME ~/.bashrc"
    environment = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    text = subprocess.run(
        ["bash", "-c", f"touch ~/.bashrc; {read_back}"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    found = dict(line.split("=", 1) for line in text.splitlines()[:-1])
    bucket = found["SENSORIUM_BUCKET"]
    assert bucket.startswith("s3://")
    assert found["SENSORIUM_STORE"] == f"{bucket}/searches"
    assert found["SENSORIUM_HOME"] == f"{tmp_path}/searches"
    assert text.splitlines()[-1] == "1"
    kinds = read(CLOUD)["available_node_types"].values()
    assert all("IamInstanceProfile" in kind["node_config"] for kind in kinds), "nobody has keys"


@pytest.mark.skipif(shutil.which("rsync") is None, reason="needs rsync")
@pytest.mark.parametrize("path", [CLOUD, LOCAL], ids=lambda path: path.stem)
def test_all_code_and_no_data_is_brought_to_the_nodes(path, tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    for room in (*ROOMS, ".ci"):
        shutil.copytree(ROOT / room, here / room, ignore=shutil.ignore_patterns("__pycache__"))
    for name in (".venv", "demo", "searches", "recordings.packed", "data", "models/__pycache__"):
        (here / name).mkdir()
        (here / name / "large").touch()
    patterns = [word for each in read(path)["rsync_exclude"] for word in ("--exclude", each)]
    subprocess.run(["rsync", "-a", *patterns, f"{here}/", there], check=True)
    assert code_digest(there) == code_digest(here)
    assert (there / ".ci/constraints.txt").exists()
    assert not list(there.rglob("large"))


def test_the_pinned_versions_are_installed_on_all_nodes():
    install = [line for line in read(CLOUD)["setup_commands"] if "pip install" in line]
    assert len(install) == 1
    assert "--constraint .ci/constraints.txt" in install[0]


def test_the_system_test_starts_what_the_cloud_starts():
    def plain(config, kind):
        """Without what belongs to a machine: where it is, what is declared, which autoscaler."""
        own = ("--num-cpus=2", "--num-gpus=1", "--node-ip-address", "RAY_enable_autoscaler_v2")
        bucket = {"$SENSORIUM_BUCKET": "BUCKET", "file:///tmp/sensorium-lab/shared": "BUCKET"}
        lines = []
        for line in config[f"{kind}_start_ray_commands"]:
            for name, value in bucket.items():
                line = line.replace(name, value)
            lines.append([word for word in line.split() if not word.startswith(own)])
        return lines

    for kind in ("head", "worker"):
        assert plain(read(CLOUD), kind) == plain(read(LOCAL), kind)
