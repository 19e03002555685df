"""What MLflow is to know of a search: one experiment, in it a parent run and below it a run a trial.

Everything is written by the driver, so that experiments are not raced for and no worker needs the
address. Nothing here waits for MLflow: records go to the outbox, from which `search.mlflow_store`
takes them.
"""

import math
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from models.config import RunConfig, flatten
from models.runs import (
    CONFIG,
    TAG_COMMIT,
    TAG_CONFIGURATION,
    TAG_DATA,
    TAG_NUMBER,
    TAG_RAY_TRIAL,
    TAG_REASON,
    TAG_ROLE,
    TAG_RUN_FOLDER,
    TAG_SEARCH,
    TAG_STATE,
    RunFolder,
    Status,
    configuration_hash,
)
from models.versions import code_version
from search.outbox import Outbox, Record

PARENT = ""
"""The key of the parent run; those of the others are a trial's number or the floor's name."""
INTERRUPTED = "interrupted"
ENDS = {"complete": "FINISHED", "pruned": "KILLED", "failed": "FAILED"}


class Tracker:
    """Writes the records of one search into its outbox."""

    def __init__(self, outbox: Outbox, folder: Path) -> None:
        self.outbox, self.folder = outbox, folder
        self._epochs: dict[str, int] = {}
        """The runs that were begun, and the last epoch recorded of each."""
        self._kept: set[str] = set()
        """Files that were stored."""
        self._seconds = 0
        """For which earlier drivers have measured their machines."""

    def begin(self, asked: Mapping[str, Any]) -> None:
        """Begin the experiment and its parent run, whose parameters are what was `asked` for."""
        tags = {TAG_ROLE: "search", TAG_RUN_FOLDER: str(self.folder), **self._shared()}
        self._put("run", PARENT, title=self.folder.name, tags=tags, params=_texts(asked))

    def go_on(self, history: Iterable[Record], moved: bool) -> None:
        """Go on with a search whose earlier records are these; `moved` is whether its folder was."""
        steps: dict[str, int] = {}
        for record in history:
            if record["do"] in ("run", "metrics"):
                key = record["key"]
                steps[key] = max(steps.get(key, 0), record.get("step", 0))
            elif record["do"] == "file":
                self._kept.add(record["path"])
        if PARENT in steps:
            self._put("reopen", PARENT)
        else:
            self.begin({})  # the driver was killed before its first record
        self._seconds = steps.pop(PARENT, 0)
        self._epochs = steps
        for key in [PARENT, *self._epochs] if moved else []:
            self._put("tags", key, tags={TAG_RUN_FOLDER: str(self._run_folder(key))})

    def start(
        self,
        key: str,
        role: str,
        config: RunConfig,
        folder: Path,
        ray_trial: str = "",
        more: Mapping[str, str] | None = None,
    ) -> None:
        """Begin a child run, or go on with it; `more` are further tags."""
        if self.has(key):
            self._put("reopen", key)
            return
        self._epochs[key] = 0
        tags = {TAG_ROLE: role, TAG_RUN_FOLDER: str(folder), **self._shared()}
        tags |= {TAG_NUMBER: key, TAG_RAY_TRIAL: ray_trial} if key.isdecimal() else {}
        tags |= {TAG_CONFIGURATION: configuration_hash(config), **(more or {})}
        title = f"trial {key}" if key.isdecimal() else key
        params = _texts(flatten(config.model_dump(mode="json")))
        self._put("run", key, title=title, tags=tags, params=params)

    def has(self, key: str) -> bool:
        """Whether a child run was begun."""
        return key in self._epochs

    def log(self, key: str, line: Mapping[str, Any]) -> None:
        """Store an epoch's metrics, numbers only; an epoch that is stored already is passed over."""
        epoch = int(line["epoch"])
        if epoch > self._epochs[key]:
            self._epochs[key] = epoch
            finite = {name: float(value) for name, value in line.items() if is_finite(value)}
            values = {name: value for name, value in finite.items() if name != "epoch"}
            self._put("metrics", key, step=epoch, values=values)

    def log_machine(self, values: Mapping[str, float], step: int) -> None:
        """Store what the driver's machine does, where MLflow's UI looks for it.

        `step` is the second of this driver; it is counted on from those of earlier ones.
        """
        named = {f"system/{name}": value for name, value in values.items()}
        self._put("metrics", PARENT, step=self._seconds + 1 + step, values=named)

    def end(self, key: str, status: Status, folder: Path, trace: str = "") -> None:
        """Close a child run with its state, reason and configuration."""
        record = RunFolder(folder)
        tags = {TAG_STATE: status.state, TAG_REASON: status.reason}
        if record.exists:
            tags[TAG_DATA] = record.record().fingerprint
            self._put("file", key, path=self._relative(folder / CONFIG))
        self._put("tags", key, tags={name: value for name, value in tags.items() if value})
        if trace:
            self._put("text", key, text=trace, name="traceback.txt")
        self._put("end", key, status=ENDS[status.state])

    def interrupt(self, key: str) -> None:
        """A child run stands still until the search is resumed."""
        self._put("tags", key, tags={TAG_STATE: INTERRUPTED})
        self._put("end", key, status="KILLED")

    def keep(self, key: str, folder: Path, name: str) -> None:
        """Store a run's weights as the artifact `name`, once."""
        path = self._relative(folder / name)
        if path not in self._kept:
            self._kept.add(path)
            self._put("file", key, path=path)

    def register(self, key: str) -> None:
        """Make a run's weights the model version that is called best."""
        self._put("register", key, name=self.folder.name)

    def close(self, interrupted: bool) -> None:
        """Close the parent run."""
        self._put("end", PARENT, status="KILLED" if interrupted else "FINISHED")

    def _put(self, do: str, key: str, **content: Any) -> None:
        self.outbox.put({"do": do, "key": key, "time": int(time.time() * 1000), **content})

    def _shared(self) -> dict[str, str]:
        return {TAG_SEARCH: self.folder.name, TAG_COMMIT: code_version()}

    def _relative(self, path: Path) -> str:
        """Below the search's folder, which may be moved before the record is delivered."""
        return str(path.relative_to(self.folder))

    def _run_folder(self, key: str) -> Path:
        if key == PARENT:
            return self.folder
        return self.folder / "runs" / key if key.isdecimal() else self.folder / key


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in values.items()}


def is_finite(value: Any) -> bool:
    """Whether a value is a number that MLflow can draw."""
    return isinstance(value, int | float) and math.isfinite(value)
