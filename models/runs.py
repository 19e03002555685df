"""The run folder: the contract between the rooms, and the names they share.

    <run>/config.json        the configuration, the mice, and where run and data came from
    <run>/weights.pt         averaged weights, for inference
    <run>/checkpoint.pt      the last full training state
    <run>/metrics.jsonl      a line an epoch
    <run>/predictions/       predictions for the validation trials, a file a mouse
    <run>/status.json        complete | pruned | failed, at which epoch, why

A search is a folder <home>/<name> with its runs in <home>/<name>/runs/<number>, and in
<home>/<name>/confirm/<number>/<fold and seed> those that trained the best of them again.
"""

import datetime
import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from models.config import RunConfig, load_config
from models.errors import RunError
from models.files import write_bytes, write_json
from models.recordings.where import Where
from models.versions import code_version, package_versions

CONFIG, METRICS, STATUS = "config.json", "metrics.jsonl", "status.json"
WEIGHTS, CHECKPOINT = "weights.pt", "checkpoint.pt"
PREDICTIONS = "predictions"
PINNED = "pinned"
"""The file that keeps a run's weights; see `RunFolder.pin`."""

SCORE = "validation_correlation"
"""The metric that ranks runs: single-trial correlation on the held-out fold, mean over mice."""
TRAIN_LOSS = "train_loss"

TAG_ROLE = "sensorium.role"  # search | trial | floor | confirm
TAG_SEARCH = "sensorium.search"
TAG_NUMBER = "sensorium.trial_number"
TAG_STATE = "sensorium.state"  # complete | pruned | failed | interrupted
TAG_REASON = "sensorium.reason"
TAG_RUN_FOLDER = "sensorium.run_folder"
TAG_DATA = "sensorium.data_fingerprint"
TAG_COMMIT = "sensorium.commit"
TAG_RAY_TRIAL = "sensorium.ray_trial"
TAG_CONFIGURATION = "sensorium.configuration"  # a hash of all but the seed
TAG_FOLD = "sensorium.fold"  # of a run of confirm: the held-out one
TAG_SEED = "sensorium.seed_index"  # of a run of confirm: its place among the seeds

HOME_VARIABLE = "SENSORIUM_HOME"
TRACKING_VARIABLE = "MLFLOW_TRACKING_URI"
STORE_VARIABLE = "SENSORIUM_STORE"
FLOOR_RUN = "floor"
CONFIRM = "confirm"
"""The folder, within a search's, of runs that train its best configurations again."""

State = Literal["complete", "pruned", "failed"]
Parsed = TypeVar("Parsed", bound=BaseModel)


class MouseRecord(BaseModel):
    """A mouse as a run knew it: its name and its neurons in order."""

    name: str
    unit_ids: list[int]


class TeacherRecord(BaseModel):
    """A run that another one learnt from."""

    folder: str
    weights_sha256: str


class Imported(BaseModel):
    """The file that a run's weights were taken from: such a run was trained elsewhere.

    Its `config.training` and `seed` are not what it was trained with; `params` are, as its file
    tells. Which trials it held out is not known, so it has no predictions for them.
    """

    file: str
    """Name, with the folders that were given with it."""
    sha256: str
    fold: int | None
    """The fold of another software that the file's path names; None where it names none, and then
    `config.data.fold` says nothing."""
    params: dict[str, Any]


class RunRecord(BaseModel):
    """What config.json holds."""

    model_config = ConfigDict(frozen=True)

    config: RunConfig
    mice: list[MouseRecord]
    frame_size: tuple[int, int]
    """Height and width of the frames that the network sees."""
    data: str
    """Where the recordings lay."""
    fingerprint: str
    """Of the recordings' trials, neurons and statistics."""
    created: str
    commit: str
    packages: dict[str, str]
    imported: Imported | None = None
    """None where the run was trained here."""
    teachers: tuple[TeacherRecord, ...] = ()
    """In the order of `config.distillation.teachers`."""


class Status(BaseModel):
    """How a run ended."""

    model_config = ConfigDict(frozen=True)

    state: State
    epoch: int
    """Epochs trained."""
    epochs: int
    """The full budget."""
    score: float | None = None
    """Validation score after the last epoch; None where there is none."""
    reason: str = ""


@dataclass(frozen=True)
class RunFolder:
    """One run on disk."""

    path: Path

    @property
    def weights(self) -> Path:
        """Averaged weights, loadable with weights_only."""
        return self.path / WEIGHTS

    @property
    def checkpoint(self) -> Path:
        """The last full training state."""
        return self.path / CHECKPOINT

    @property
    def exists(self) -> bool:
        """Whether a run was begun here."""
        return (self.path / CONFIG).is_file()

    @property
    def is_pinned(self) -> bool:
        """Whether something depends on the weights, such as an ensemble: no search removes them."""
        return (self.path / PINNED).exists()

    def pin(self, why: str) -> None:
        """Keep the weights, whatever a search would remove."""
        write_bytes(self.path / PINNED, f"{why}\n".encode())

    def create(self, record: RunRecord) -> None:
        """Begin the run; a folder that already holds one is a RunError."""
        self.check_free()
        write_json(self.path / CONFIG, record.model_dump(mode="json"))

    def check_free(self) -> None:
        """Raise RunError where the folder already holds a run."""
        if self.exists:
            raise RunError(
                f"{self.path} already holds a run", "Choose another folder or remove it."
            )

    def record(self) -> RunRecord:
        """What the run is; a RunError where there is none or it is not readable."""
        content = self._json(CONFIG)
        load_config(content.get("config", {}), f"{self.path}/config.json")
        return _parsed(RunRecord, content, self.path / CONFIG)

    def status(self) -> Status | None:
        """How the run ended; None while it has not."""
        if not (self.path / STATUS).is_file():
            return None
        return _parsed(Status, self._json(STATUS), self.path / STATUS)

    def end(self, status: Status) -> None:
        """Record how the run ended."""
        write_json(self.path / STATUS, status.model_dump(mode="json"))

    def metrics(self) -> list[dict[str, float]]:
        """A dictionary an epoch, oldest first."""
        path = self.path / METRICS
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def write_metrics(self, lines: Sequence[dict[str, float]]) -> None:
        """Replace the metrics of all epochs so far."""
        content = "".join(json.dumps(line) + "\n" for line in lines)
        write_bytes(self.path / METRICS, content.encode())

    def _json(self, name: str) -> dict[str, Any]:
        path = self.path / name
        try:
            content = json.loads(path.read_text())
        except (FileNotFoundError, NotADirectoryError) as error:
            remedy = "Give a run folder: 'python -m models train' and searches make them."
            raise RunError(f"{self.path} holds no run: {name} is missing", remedy) from error
        except OSError as error:
            raise RunError(f"cannot read {path}: {error.strerror}", "Check the file.") from error
        except ValueError as error:
            raise RunError(f"{path} is not JSON: {error}", "Remove this run.") from error
        if not isinstance(content, dict):
            message = f"{path} holds one {type(content).__name__}, not named values"
            raise RunError(message, "Remove this run.")
        return content


def _parsed(model: type[Parsed], content: dict[str, Any], path: Path) -> Parsed:
    try:
        # Through JSON, in which pydantic's strict types take a list for a tuple.
        return model.model_validate_json(json.dumps(content))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        message = f"{path}: {place}: {first['msg']}"
        raise RunError(message, "The run was made by another version; train it again.") from error


def home_folder(home: Path | None = None) -> Path:
    """Where searches are kept: the argument, else $SENSORIUM_HOME, else ./searches."""
    return (home or Path(os.environ.get(HOME_VARIABLE, "searches"))).resolve()


def tracking_database(home: Path) -> Path:
    """The SQLite file of the embedded MLflow."""
    return home / "mlflow.db"


def tracking_uri(home: Path) -> str:
    """Where MLflow is: $MLFLOW_TRACKING_URI, else the SQLite file under the home folder."""
    return os.environ.get(TRACKING_VARIABLE) or f"sqlite:///{tracking_database(home)}"


def search_folder(home: Path, name: str) -> Path:
    """The folder of an existing search; an unknown name is a RunError that lists the known ones."""
    folder = home / name
    if not (folder / "search.json").is_file():
        names = sorted(path.parent.name for path in home.glob("*/search.json"))
        known = f"known here: {', '.join(names)}" if names else "there is none yet"
        remedy = (
            "Start one with 'python -m search run DATA --name NAME', give --home, or bring one "
            "from its store: 'python -m search fetch NAME --store URI'."
        )
        raise RunError(f"no search is called '{name}' in {home}; {known}", remedy)
    return folder


def runs_of_search(folder: Path) -> list[RunFolder]:
    """The runs of a search, by trial number."""
    numbered = [path for path in (folder / "runs").glob("*") if path.name.isdecimal()]
    runs = (RunFolder(path) for path in sorted(numbered, key=lambda path: int(path.name)))
    return [run for run in runs if run.exists]


def confirmed_runs(folder: Path) -> dict[int, list[RunFolder]]:
    """The runs with which a search's trials were confirmed, by trial number, fold and seed."""
    numbered = [path for path in (folder / CONFIRM).glob("*") if path.name.isdecimal()]
    found = {
        int(path.name): [RunFolder(run) for run in sorted(path.iterdir()) if run.is_dir()]
        for path in sorted(numbered, key=lambda path: int(path.name))
    }
    return {number: [run for run in runs if run.exists] for number, runs in found.items()}


def new_record(
    config: RunConfig,
    mice: Sequence[MouseRecord],
    frame_size: tuple[int, int],
    data: Where,
    fingerprint: str,
) -> RunRecord:
    """The record of a run that begins now, with this code and these packages."""
    return RunRecord(
        config=config,
        mice=list(mice),
        frame_size=frame_size,
        data=str(data),
        fingerprint=fingerprint,
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        commit=code_version(),
        packages=package_versions(),
    )


def configuration_hash(config: RunConfig) -> str:
    """The same for runs that differ in nothing but their seed."""
    text = config.model_dump_json(exclude={"seed"})
    return hashlib.sha256(text.encode()).hexdigest()[:16]
