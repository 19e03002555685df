"""What one run is: its data, its network, its training."""

import difflib
import json
from collections.abc import Mapping
from typing import Any, Literal, Self, get_args

from pydantic import BaseModel, Field, ValidationError, model_validator

from models.errors import ConfigurationError, Problem
from models.networks.linear import LinearConfig
from models.networks.registry import FAMILIES, AnyNetworkConfig
from models.strict import Strict
from models.training.settings import TrainingConfig


class DataConfig(Strict):
    """Which trials a run learns from and how they are shown to it."""

    tiers: tuple[Literal["train", "oracle"], ...] = ("train",)
    """Tiers that are trained and validated on. The oracle tier is left out by default, so that its
    score is one of trials that no run has seen; for a submission, add it."""
    folds: int = Field(default=5, ge=2)
    """Trials are dealt to so many folds, by the content of their films."""
    fold: int = Field(default=0, ge=0)
    """The fold that is held out for validation."""
    downsample: Literal[1, 2, 4] = 1
    """Frames are averaged over squares of so many pixels."""

    @model_validator(mode="after")
    def _check_fold(self) -> "DataConfig":
        if self.fold >= self.folds:
            raise ValueError(f"fold is below folds ({self.folds}); found {self.fold}")
        if not self.tiers:
            raise ValueError("tiers names at least one tier; found none")
        return self


class InferenceConfig(Strict):
    """How a trained network predicts a whole trial."""

    stride: int | None = Field(default=None, ge=1)
    """Frames between the windows that a trial is cut into. Without stride and windows there is a
    window at every start. Networks that are not windowed predict a trial in one go."""
    windows: int | None = Field(default=None, ge=1)
    """Windows that see each frame, about evenly spread; instead of stride."""

    @model_validator(mode="after")
    def _check_one(self) -> "InferenceConfig":
        if self.stride is not None and self.windows is not None:
            found = f"stride {self.stride} and windows {self.windows}"
            raise ValueError(f"stride or windows is given, not both; found {found}")
        return self


class DistillationConfig(Strict):
    """What a run learns from other runs, beside the recordings."""

    teachers: tuple[str, ...] = Field(min_length=1)
    """Folders of complete runs on the same mice, tiers, folds and held-out fold."""
    shares: tuple[float, ...] | None = None
    """Of each teacher in the teachers' mean, in their order; None for equal ones."""
    weight: float = Field(default=0.36, gt=0, lt=1)
    """Share of the loss in which the readouts of all mice but a clip's own learn the teachers' mean;
    the rest is the measured responses'."""

    @model_validator(mode="after")
    def _check_shares(self) -> Self:
        if self.shares is None:
            return self
        if len(self.shares) != len(self.teachers):
            found = f"{len(self.shares)} for {len(self.teachers)}"
            raise ValueError(f"shares has one number a teacher; found {found}")
        if min(self.shares) <= 0 or abs(sum(self.shares) - 1) > 1e-6:
            raise ValueError(f"shares are above 0 and add up to 1; found {list(self.shares)}")
        return self


class RunConfig(Strict):
    """Everything that one run's result depends on, beside the recordings and the code."""

    network: AnyNetworkConfig = Field(default_factory=LinearConfig)
    data: DataConfig = DataConfig()
    training: TrainingConfig = TrainingConfig()
    inference: InferenceConfig = InferenceConfig()
    distillation: DistillationConfig | None = None
    seed: int = Field(default=0, ge=0)


def load_config(content: Mapping[str, Any], subject: str = "the configuration") -> RunConfig:
    """Validate a configuration; all that is wrong with it is one ConfigurationError."""
    try:
        # Dates, which YAML has and JSON does not, become texts and are refused as such.
        return RunConfig.model_validate_json(json.dumps(content, default=str))
    except ValidationError as error:
        problems = [_problem(dict(detail)) for detail in error.errors()]
        raise ConfigurationError(subject, problems, "Mend these and run it again.") from error


def flatten(content: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A nested configuration as one level of dotted names: {"training.epochs": 21, ...}."""
    flat: dict[str, Any] = {}
    for key, value in content.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def nest(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted names as a nested configuration: the inverse of `flatten`.

    A name that is both a value and the start of other names is a ConfigurationError.
    """
    nested: dict[str, Any] = {}
    for name, value in flat.items():
        *parents, key = name.split(".")
        places = (".".join(parents[: depth + 1]) for depth in range(len(parents)))
        twice = [place for place in places if place in flat]
        if twice:
            problem = Problem(twice[0], "is both a value and a group of values", f"also {name}")
            raise ConfigurationError("the configuration", [problem], "Give one of the two.")
        level = nested
        for parent in parents:
            level = level.setdefault(parent, {})
        level[key] = value
    return nested


def _problem(detail: Mapping[str, Any]) -> Problem:
    """One of pydantic's errors in the project's words, with a suggestion for an unknown key."""
    place = ".".join(str(part) for part in detail["loc"] if part not in FAMILIES) or "the whole"
    rule = str(detail["msg"]).removeprefix("Value error, ")
    if detail["type"] == "extra_forbidden":
        close = difflib.get_close_matches(place, known_names(), n=1, cutoff=0.5)
        rule = f"no such key; did you mean {close[0]}?" if close else "no such key"
    found = json.dumps(detail["input"])
    return Problem(place, rule, found if len(found) <= 80 else found[:77] + "...")


def known_names() -> list[str]:
    """The dotted names of everything that can be configured, over all families."""
    parts: dict[str, type[BaseModel]] = {
        "data": DataConfig,
        "training": TrainingConfig,
        "inference": InferenceConfig,
        "distillation": DistillationConfig,
    }
    names = [f"{part}.{name}" for part, model in parts.items() for name in model.model_fields]
    families: tuple[type[BaseModel], ...] = get_args(get_args(AnyNetworkConfig)[0])
    networks = {f"network.{name}" for model in families for name in model.model_fields}
    return [*names, *sorted(networks), *RunConfig.model_fields]
