"""Searches on a Ray cluster whose nodes are declared on this machine; each in a fresh process.

The nodes are processes of Ray that count cores which are not there, so trials sleep or do nothing.
"""

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
from ray.cluster_utils import Cluster
from rich.console import Console

from models.bench.generated import write_session
from models.errors import UserError
from search.bench import sleeping, trivial
from search.bench.times import FILE, read_served
from search.bench.watch import watching
from search.cluster import resources_at
from search.driver import run_search
from search.limits import Limits
from search.plan import Plan

NAME = "bench"
EVERY = 0.1
HEAD = {"num_cpus": 0, "include_dashboard": False}
USED = 4
"""Slots, of the search that loses a node."""
BESIDE = "beside"
"""File with a second figure, where there is one."""


@contextlib.contextmanager
def declared(nodes: int, slots: int) -> Iterator[Any]:
    """A cluster of so many nodes beside the head, each with so many cores."""
    cluster = Cluster(initialize_head=True, head_node_args=HEAD)
    try:
        for _ in range(nodes):
            cluster.add_node(num_cpus=slots)
        yield cluster
    finally:
        cluster.shutdown()  # type: ignore[no-untyped-call]


def scaling(folder: str, nodes: str, trials: str) -> float:
    """Seconds of a search of sleeping trials on nodes of one slot, from its start to its end.

    Beside that: until a trial began to train.
    """
    home = Path(folder)
    with declared(int(nodes), slots=1) as cluster:
        wall = _search(home, cluster.address, int(trials), sleeping.FIT, sleeping.EPOCHS)
        began = time.time() - wall
    first = min(each.began for each in read_served(home / NAME / "runs")) - sleeping.EPOCH_S
    (home / BESIDE).write_text(str(first - began))
    return wall


def memory(folder: str, trials: str) -> float:
    """The driver's peak memory in 10^6 bytes over so many trivial trials on 16 slots of two nodes."""
    with declared(nodes=2, slots=8) as cluster, watching() as watch:
        _search(Path(folder), cluster.address, int(trials), trivial.FIT, trivial.EPOCHS)
    return max(watch.megabytes)


def recovery(folder: str) -> float:
    """Seconds from the loss of a node to the first step of one of its trials elsewhere.

    Four slots of six are in use, so that there is room for them. Beside that: until Ray saw the loss.
    """
    home, found = Path(folder), [float("nan"), float("nan")]
    with declared(nodes=3, slots=2) as cluster:
        thread = threading.Thread(target=_lose_a_node, args=(cluster, home, found), daemon=True)
        thread.start()
        _search(home, cluster.address, USED, sleeping.FIT, sleeping.EPOCHS, slots=USED)
        thread.join()
    (home / BESIDE).write_text(str(found[0]))
    return found[1]


def _search(
    home: Path, address: str, trials: int, fit: str, epochs: int, slots: int | None = None
) -> float:
    """Run a search of one core a trial; its seconds. Raises UserError where a trial is missing."""
    write_session(home / "data", neurons=2, frames=36, trials=1, dtype="float32")
    resources = resources_at(address, slots, gpus_per_trial=0.0)
    plan = Plan(
        name=NAME,
        data=home / "data",
        space="demo",
        limits=Limits(trials=trials),
        overrides={"training.epochs": epochs},
        stopping="none",
        slots=resources.slots,
        min_free_gb=0.0,
        fit=fit,
        floor=False,
    )
    began = time.monotonic()
    with (home / "output").open("w") as file:
        board = run_search(plan, home, resources, Console(file=file))
    if board.count("complete") != trials:
        raise UserError(f"{board.count('complete')} of {trials} trials are complete", "")
    return time.monotonic() - began


def _lose_a_node(cluster: Any, home: Path, found: list[float]) -> None:
    """When all trials have trained an epoch, kill a node; note when Ray knew, and who went on."""
    runs = home / NAME / "runs"
    while sum(len(lines) > 1 for lines in _steps(runs).values()) < USED:
        time.sleep(EVERY)
    before = _steps(runs)
    lost = _node_of(cluster, _process(before["0"][-1]))
    began = time.monotonic()
    cluster.remove_node(lost, allow_graceful=False)
    while any(node["Alive"] and node["NodeID"] == lost.node_id for node in _nodes()):
        time.sleep(EVERY)
    found[0] = time.monotonic() - began
    while not _moved(before, _steps(runs)):
        time.sleep(EVERY)
    found[1] = time.monotonic() - began


def _steps(runs: Path) -> dict[str, list[str]]:
    """The stamps of each trial, as lines."""
    return {path.parent.name: path.read_text().splitlines() for path in runs.glob(f"*/{FILE}")}


def _moved(before: dict[str, list[str]], now: dict[str, list[str]]) -> bool:
    """Whether a trial that had begun before has been stamped by another process since."""

    return any(_process(now[trial][-1]) != _process(lines[-1]) for trial, lines in before.items())


def _process(line: str) -> int:
    """The process that made a stamp."""
    return int(json.loads(line)["process"])


def _node_of(cluster: Any, process: int) -> Any:
    """The node of a worker's process, which its raylet has started."""
    parents = {each.pid for each in psutil.Process(process).parents()}
    for node in cluster.list_all_nodes():
        started = [each.process.pid for each in node.all_processes["raylet"]]
        if parents.intersection(started):
            return node
    raise UserError(f"no node has process {process}", "Run it again.")


def _nodes() -> list[dict[str, Any]]:
    from search.doctor.nodes import living_nodes

    return living_nodes()
