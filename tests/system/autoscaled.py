"""A process in namespaces of its own, with a cluster whose workers are started on demand.

python -m tests.system.autoscaled <folder>

Ray's autoscaler is the real one, its cloud is not: nodes are processes on this machine. It writes which
nodes there were, second by second, to <folder>/nodes.json.
"""

import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

import ray
import yaml
from ray.cluster_utils import AutoscalingCluster
from rich.console import Console

from models.bench.generated import write_session
from search.bench.sleeping import FIT
from search.cluster import resources_at
from search.doctor.nodes import living_nodes
from search.driver import run_search
from search.limits import Limits
from search.plan import Plan

WORKERS, TRIALS, EPOCHS = 3, 6, 5
"""Epochs of two seconds."""
KINDS = {
    "gpu": {
        "resources": {"CPU": 2, "GPU": 1},
        "node_config": {},
        "min_workers": 0,
        "max_workers": WORKERS,
    },
    "ray.head.default": {"resources": {"CPU": 0}, "node_config": {}, "max_workers": 0},
}
COMMANDS = (
    "initialization",
    "setup",
    "head_setup",
    "worker_setup",
    "head_start_ray",
    "worker_start_ray",
)
LISTS = ("cluster_synced_files", "rsync_exclude", "rsync_filter")
# Nodes here are processes of this machine: there is nothing to log in to, copy or set up.
EMPTY = {
    **{f"{name}_commands": [] for name in COMMANDS},
    **{name: [] for name in LISTS},
    **{name: {} for name in ("docker", "file_mounts")},
    "auth": {"ssh_user": "nobody"},
    "file_mounts_sync_continuously": False,
}
CONFIG = {
    **EMPTY,
    "cluster_name": "autoscaled",
    "max_workers": WORKERS,
    "idle_timeout_minutes": 0.2,
    "upscaling_speed": 2.0,
    "provider": {
        "type": "fake_multinode",
        "launch_multiple": True,
        "use_node_id_as_ip": True,
        "disable_node_updaters": True,
        "disable_launch_config_check": True,
    },
    "available_node_types": KINDS,
    "head_node_type": "ray.head.default",
}


class Autoscaled(AutoscalingCluster):
    """With a configuration of ours: the wheel lacks the one that it would begin with."""

    def _generate_config(self, *_: Any, **__: Any) -> dict[str, Any]:
        return dict(CONFIG)


def main(folder: Path) -> None:
    (folder / "ray_bootstrap_config.yaml").write_text(yaml.safe_dump(CONFIG))
    write_session(folder / "data", neurons=2, frames=36, trials=1, dtype="float32")
    cluster = Autoscaled({"CPU": 0}, {})
    cluster.start(override_env={"RAY_enable_autoscaler_v2": "0"})
    seen: list[list[str]] = []
    try:
        search(folder, seen)
        ray.init("auto", log_to_driver=False)
        until = time.monotonic() + 120
        while seen[-1] and time.monotonic() < until:
            seen.append(workers())
            time.sleep(1)
    finally:
        (folder / "nodes.json").write_text(json.dumps(seen))
        ray.shutdown()  # a driver ends its process when its cluster is gone
        cluster.shutdown()


def search(folder: Path, seen: list[list[str]]) -> None:
    """Sleeping trials, each on a GPU that is not there before it is asked for."""
    resources = resources_at("auto", None, None)
    plan = Plan(
        name="autoscaled",
        data=folder / "data",
        space="demo",
        limits=Limits(trials=TRIALS),
        overrides={"training.epochs": EPOCHS},
        stopping="none",
        slots=resources.slots,
        gpus_per_trial=resources.gpus_per_trial,
        min_free_gb=0.0,
        fit=FIT,
        floor=False,
    )
    over = threading.Event()

    def count() -> None:
        while not over.wait(1):
            if ray.is_initialized():
                seen.append(workers())

    thread = threading.Thread(target=count)
    thread.start()
    with (folder / "output").open("w") as file:
        board = run_search(plan, folder / "home", resources, Console(file=file))
    over.set()
    thread.join()
    (folder / "complete").write_text(str(board.count("complete")))


def workers() -> list[str]:
    """The nodes that there are beside the head."""
    return [node["NodeID"] for node in living_nodes() if node["Resources"].get("GPU", 0) > 0]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
