"""The dotted names that a search may set, and what each of them may hold."""

import difflib
import json
from collections.abc import Iterable
from typing import Annotated, Any, get_args

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from models.config import DataConfig, InferenceConfig, RunConfig, known_names
from models.errors import Problem
from models.networks.registry import CONFIGS, AnyNetworkConfig
from models.training.settings import TrainingConfig

PARTS: dict[str, tuple[type[BaseModel], ...]] = {
    "data": (DataConfig,),
    "training": (TrainingConfig,),
    "inference": (InferenceConfig,),
    "network": get_args(get_args(AnyNetworkConfig)[0]),
}


def settable_names() -> list[str]:
    """Every name that holds a value of its own, over all families of networks."""
    return [name for name in known_names() if name not in PARTS]


def name_problem(name: str, where: str) -> Problem | None:
    """What is wrong with a name, with a suggestion; None for a known one."""
    known = settable_names()
    return None if name in known else Problem(where, f"no such name{suggest(name, known)}", name)


def value_problem(name: str, value: Any, where: str) -> Problem | None:
    """What is wrong with a value for a known name; None for one that some family accepts."""
    rules = [rule for field in _fields(name) if (rule := _broken_rule(field, value))]
    if len(rules) < len(_fields(name)):
        return None
    return Problem(where, rules[0], json.dumps(value, default=str))


def families_of(name: str) -> list[str]:
    """The families of networks whose configurations have this dotted name; all, if none is asked."""
    part, _, key = name.partition(".")
    return [
        family
        for family, model in CONFIGS.items()
        if part != "network" or key in model.model_fields
    ]


def families_that_take(name: str, value: Any) -> list[str]:
    """The families that have this name and accept the value for it."""
    key = name.partition(".")[2]
    fields = {family: CONFIGS[family].model_fields.get(key) for family in families_of(name)}
    return [
        family
        for family, field in fields.items()
        if field is None or not _broken_rule(field, value)
    ]


def suggest(word: str, known: Iterable[str]) -> str:
    """'; did you mean X?', or nothing where no known word is close."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else ""


def _fields(name: str) -> list[FieldInfo]:
    """The fields of this name: one, or for networks one in every family that has it."""
    part, _, key = name.partition(".")
    models = PARTS.get(part, (RunConfig,))
    found = [model.model_fields.get(key or part) for model in models]
    return [field for field in found if field is not None]


def _broken_rule(field: FieldInfo, value: Any) -> str:
    """The first rule that a value breaks; '' for a good one."""
    kind: Any = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
    adapter: TypeAdapter[Any] = TypeAdapter(kind, config=ConfigDict(strict=True))
    try:
        adapter.validate_json(json.dumps(value, default=str))
    except ValidationError as error:
        return str(error.errors()[0]["msg"])
    return ""
