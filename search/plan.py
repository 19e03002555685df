"""What a search was asked to do: the content of its search.json."""

import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from models.errors import RunError
from models.files import write_json
from models.recordings.where import Recorded
from models.remote import Remote
from models.runs import search_folder
from models.versions import code_version, package_versions
from search.limits import Limits
from search.objectives import ONE, Objective

Rule = Literal["asha", "hyperband", "median", "none"]
"""What stops weak trials early."""
FIT = "models.fit:Fit"
"""What trains a run, as module:class."""


def now() -> str:
    """The time in UTC, to the second."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


class Plan(BaseModel):
    """A search as it was asked for, with the defaults filled in."""

    model_config = ConfigDict(frozen=True)

    name: str
    data: Recorded
    space: str = "demo"
    """A shipped space's name or a file."""
    overrides: dict[str, Any] = {}
    """Dotted names that are fixed on top of the space."""
    limits: Limits = Limits(trials=20)
    objectives: tuple[Objective, ...] = ONE
    """What Optuna is told of a complete trial, the score first."""
    sampler: str = "auto"
    stopping: Rule = "asha"
    grace: int | None = Field(default=None, ge=1)
    """Epochs that every trial may train; None for a seventh of the budget, at least two."""
    reduction: int = Field(default=3, ge=2)
    """One in so many goes on at each rung."""
    brackets: int = Field(default=1, ge=1)
    """Groups of trials, each with its own rungs."""
    slots: int = 1
    """Trials at a time, the floor's run among them."""
    gpus_per_trial: float = 0.0
    cpus_per_trial: float = Field(default=1.0, gt=0)
    """What Ray sets aside for a trial."""
    threads: int = 1
    """Of a trial's arithmetic on the CPU, on which its last digits depend."""
    keep: int = Field(default=10, ge=1)
    """Complete trials whose weights stay on disk: the best ones."""
    min_free_gb: float = Field(default=2.0, ge=0)
    """Free disk space in GB below which no trial begins."""
    warm_start: tuple[str, ...] = ()
    """Searches whose trials the proposals take into account."""
    seed: int = 0
    floor: bool = True
    """Whether the linear model is trained beside the search."""
    fit: str = FIT
    store: str = ""
    """URI of the folder in a bucket in which each search has one; empty where there is none."""
    recorded: dict[str, Any] = {}
    """The space as it was when the search began, as a space file would have it."""
    fingerprint: str = ""
    """Of the recordings."""
    folder: Path | None = None
    """Where the search's folder was when it was last begun or resumed."""
    created: str = Field(default_factory=now)
    commit: str = Field(default_factory=code_version)
    packages: dict[str, str] = Field(default_factory=package_versions)
    ended: str | None = None
    """When the search came to its end or was stopped; None while it runs, or after a crash."""
    reason: str = ""
    """Why it ended."""

    @property
    def domains(self) -> dict[str, list[dict[str, Any]]]:
        """The recorded space's domains by name, as a space file would have them."""
        found: dict[str, list[dict[str, Any]]] = self.recorded.get("parameters", {})
        return found


def store_uri(plan: Plan) -> str:
    """Of a search's own folder in its store; '' where it has none."""
    return (Remote.parse(plan.store) / plan.name).uri if plan.store else ""


def read_plan(home: Path, name: str) -> Plan:
    """The plan of an existing search. Raises RunError for an unknown name, and for a broken file."""
    path = search_folder(home, name) / "search.json"
    try:
        return Plan.model_validate_json(path.read_text())
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the whole"
        message = f"{path}: {place}: {first['msg']}"
        remedy = "Another version wrote it, or it is damaged: begin another search."
        raise RunError(message, remedy) from error


def write_plan(folder: Path, plan: Plan) -> None:
    """Write search.json, by which a folder is known as a search."""
    write_json(folder / "search.json", plan.model_dump(mode="json"))
