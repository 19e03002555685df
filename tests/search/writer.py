"""A driver of a search as far as its records go, and what MLflow has of them in the end."""

import time
from pathlib import Path

from models.config import RunConfig
from models.runs import SCORE, MouseRecord, RunFolder, Status, new_record
from search.delivery import Delivery
from search.mlflow_store import TAG_KEY, Store, open_client
from search.outbox import Outbox
from search.tracking import Tracker

LONG = 120.0


class Writer:
    """One driver; the next one of the same search is another."""

    def __init__(self, home, name="a"):
        self.home, self.name, self.folder = home, name, home / name
        self.folder.mkdir(exist_ok=True)
        self.outbox, self.told = Outbox(self.folder), []
        self.tracker = Tracker(self.outbox, self.folder)
        self.store = Store(home, name)

    def deliver(self):
        """Let all go out that waits."""
        delivery = Delivery(self.outbox, self.store.deliver, self.told.append)
        delivery.start()
        deadline = time.monotonic() + LONG
        while not delivery.wait(LONG) and time.monotonic() < deadline:
            time.sleep(0.01)
        delivery.close()
        assert not self.outbox.left, self.told

    def trial(self, key, epochs=3, state="complete"):
        """A trial from its start to its end, or to where it stands if it has none."""
        run = RunFolder(self.folder / "runs" / key)
        config = RunConfig(seed=int(key))
        if not run.exists:
            mice = [MouseRecord(name="m", unit_ids=[1])]
            run.create(new_record(config, mice, (36, 64), self.home, "print"))
            run.weights.write_text(f"weights of {key}")
        self.tracker.start(key, "trial", config, run.path, f"ray-{key}")
        for epoch in range(1, epochs + 1):
            self.tracker.log(key, {"epoch": epoch, SCORE: epoch / 10, "train_loss": 1 / epoch})
        if state:
            status = Status(
                state=state, epoch=epochs, epochs=9, reason="why" * (state != "complete")
            )
            self.tracker.end(key, status, run.path, "Traceback" * (state == "failed"))
        return run

    @property
    def client(self):
        return open_client(self.home)

    def runs(self):
        """MLflow's runs by key; the test fails where it has two of one key."""
        experiment = self.client.get_experiment_by_name(self.name)
        found = self.client.search_runs([experiment.experiment_id])
        assert len({run.data.tags[TAG_KEY] for run in found}) == len(found)
        return {run.data.tags[TAG_KEY]: run for run in found}

    def points(self, key, name=SCORE):
        run = self.runs()[key].info.run_id
        return [(each.step, each.value) for each in self.client.get_metric_history(run, name)]

    def artifacts(self, key):
        run = self.runs()[key].info.run_id
        return {item.path for item in self.client.list_artifacts(run)}

    def content(self, key, name):
        return Path(self.client.download_artifacts(self.runs()[key].info.run_id, name)).read_text()


THREE = [(1, 0.1), (2, 0.2), (3, 0.3)]
