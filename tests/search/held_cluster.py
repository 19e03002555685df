"""A process of its own with a Ray of three nodes, each with its own folder for fetched stores.

One of them has the recordings. Two searches are run: of one trial at a time, and of three. Prints the
node that has the recordings, those on which each search's trials were trained, and that of a task.

Here and not in a test: a process has one Ray, and that of the other tests is another.
"""

import json
import sys
import time
from pathlib import Path

from models.environment import variables
from models.recordings.store import cache
from tests.models.fetching import fetching
from tests.search import fakes
from tests.search.own_ray import own_cluster

NODES, EPOCHS = 3, 2
NAME = "slots-"
PATIENCE = 300.0
NODE = "node"
"""File in the folder of a run."""


class Placed(fakes.FakeFit):
    """Writes down the node that it is trained on, and trains once all slots have a trial."""

    def train_epoch(self):
        (self.folder.path / NODE).write_text(here())
        runs, until = self.folder.path.parent, time.monotonic() + PATIENCE
        slots = int(runs.parent.name.removeprefix(NAME))
        while len([*runs.glob(f"*/{NODE}")]) < slots and time.monotonic() < until:
            time.sleep(0.1)
        return super().train_epoch()


def main(uri: str, home: Path, holder: int) -> None:
    places = [home.parent / f"cache-{number}" for number in range(NODES)]
    with variables({cache.VARIABLE: str(places[holder])}):
        assert fetching(uri).wait(timeout=600) == 0
    with own_cluster() as cluster:
        nodes = [
            cluster.add_node(num_cpus=1, env_vars={cache.VARIABLE: str(place)}).node_id
            for place in places
        ]
        found = [search(cluster.address, uri, home, slots) for slots in (1, NODES)]
        ran = task(cluster.address, nodes[holder])
    print(json.dumps({"holder": nodes[holder], "all": nodes, "used": found, "task": ran}))


def task(address: str, holder: str) -> str:
    """The node of a task that is to run where the recordings are."""
    import ray

    from search.doctor.connection import connected
    from search.holders import Holders
    from search.share import Share

    with connected(address):
        holders = Holders()
        holders.note(holder)
        return ray.get(Share(1, 0, holders).submitter(here, 0)())


def here() -> str:
    """The node that this runs on."""
    import ray

    return ray.get_runtime_context().get_node_id()


def search(address: str, uri: str, home: Path, slots: int) -> list[str]:
    """The nodes of as many trials as there are slots, two at least."""
    from rich.console import Console

    from search.cluster import resources_at
    from search.driver import run_search
    from search.limits import Limits
    from search.plan import Plan

    trials = max(slots, 2)
    plan = Plan(
        name=f"{NAME}{slots}",
        data=uri,
        space=str(home.parent / "space.yaml"),
        limits=Limits(trials=trials),
        overrides={"training.epochs": EPOCHS},
        stopping="none",
        slots=slots,
        min_free_gb=0.0,
        fit="tests.search.held_cluster:Placed",
        floor=False,
    )
    run_search(plan, home, resources_at(address, slots, 0.0), Console(file=sys.stderr))
    return [(home / plan.name / f"runs/{trial}" / NODE).read_text() for trial in range(trials)]


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
