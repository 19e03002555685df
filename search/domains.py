"""What a name of the configuration may be in a search: a range, a list of choices, or one value.

Each kind is written in a space file as a mapping with the kind as its key:

    {uniform: [0.0, 0.5]}        {log: [1.0e-4, 1.0e-2]}        {int: [1, 8], step: 2}
    {choice: [16, [32, 32]]}     {value: 2}

and may carry `when: {other.name: value or list of values}`: it holds only where all of these do.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any, TypeVar

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from pydantic import BaseModel, ConfigDict, Field, field_validator

Bounds = TypeVar("Bounds", tuple[float, float], tuple[int, int])


class Domain(BaseModel, ABC):
    """The values that one name may take, and the condition under which it takes them."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    when: dict[str, Any] = {}
    """Names and the value, or the list of values, that each has where this domain holds."""

    def holds(self, flat: Mapping[str, Any]) -> bool:
        """Whether the condition is met by the names that are settled so far."""
        return all(name in flat and flat[name] in options(self.when[name]) for name in self.when)

    @abstractmethod
    def suggest(self, trial: optuna.Trial, label: str) -> Any:
        """A value from Optuna, which knows the parameter as `label`."""

    @abstractmethod
    def distribution(self) -> BaseDistribution | None:
        """What `suggest` asks Optuna for; None where it does not ask."""

    @abstractmethod
    def draw(self, random: Random) -> Any:
        """A value at random."""

    @abstractmethod
    def extremes(self) -> Sequence[Any]:
        """The values between which, or among which, every value lies."""

    @abstractmethod
    def allows(self, value: Any) -> bool:
        """Whether `value` is in the domain."""

    def stored(self, value: Any) -> Any:
        """A value as Optuna keeps it."""
        return value


class Fixed(Domain):
    """One value, which Optuna never hears of."""

    value: Any

    def suggest(self, trial: optuna.Trial, label: str) -> Any:  # noqa: ARG002
        return self.value

    def distribution(self) -> BaseDistribution | None:
        return None

    def draw(self, random: Random) -> Any:  # noqa: ARG002
        return self.value

    def extremes(self) -> Sequence[Any]:
        return (self.value,)

    def allows(self, value: Any) -> bool:
        return bool(value == self.value)


class Uniform(Domain):
    """A number between two bounds, both possible."""

    bounds: tuple[float, float] = Field(alias="uniform")

    @field_validator("bounds")
    @classmethod
    def _check_order(cls, bounds: tuple[float, float]) -> tuple[float, float]:
        return ordered(bounds)

    def suggest(self, trial: optuna.Trial, label: str) -> float:
        return trial.suggest_float(label, *self.bounds)

    def distribution(self) -> BaseDistribution:
        return FloatDistribution(*self.bounds)

    def draw(self, random: Random) -> float:
        return random.uniform(*self.bounds)

    def extremes(self) -> Sequence[float]:
        return self.bounds

    def allows(self, value: Any) -> bool:
        return is_number(value) and self.bounds[0] <= value <= self.bounds[1]


class Log(Uniform):
    """A number between two positive bounds, uniform in its logarithm."""

    bounds: tuple[float, float] = Field(alias="log")

    @field_validator("bounds")
    @classmethod
    def _check_positive(cls, bounds: tuple[float, float]) -> tuple[float, float]:
        if bounds[0] <= 0:
            raise ValueError("the bounds of log are above 0")
        return bounds

    def suggest(self, trial: optuna.Trial, label: str) -> float:
        return trial.suggest_float(label, *self.bounds, log=True)

    def distribution(self) -> BaseDistribution:
        return FloatDistribution(*self.bounds, log=True)

    def draw(self, random: Random) -> float:
        low, high = self.bounds
        # The power can leave the bounds by a rounding error.
        value: float = low * (high / low) ** random.random()
        return min(max(value, low), high)


class Integer(Domain):
    """A whole number between two bounds, both possible, in steps from the lower one."""

    bounds: tuple[int, int] = Field(alias="int")
    step: int = Field(default=1, ge=1)

    @field_validator("bounds")
    @classmethod
    def _check_order(cls, bounds: tuple[int, int]) -> tuple[int, int]:
        return ordered(bounds)

    def suggest(self, trial: optuna.Trial, label: str) -> int:
        low, high = self.extremes()
        return trial.suggest_int(label, low, high, step=self.step)

    def distribution(self) -> BaseDistribution:
        low, high = self.extremes()
        return IntDistribution(low, high, step=self.step)

    def draw(self, random: Random) -> int:
        return random.randrange(self.bounds[0], self.bounds[1] + 1, self.step)

    def extremes(self) -> Sequence[int]:
        low, high = self.bounds
        return low, high - (high - low) % self.step

    def allows(self, value: Any) -> bool:
        if not is_number(value) or isinstance(value, float):
            return False
        return value in range(self.bounds[0], self.bounds[1] + 1, self.step)


class Choice(Domain):
    """One of a list of values, which may themselves be lists."""

    values: tuple[Any, ...] = Field(alias="choice", min_length=1)

    def suggest(self, trial: optuna.Trial, label: str) -> Any:
        stored = trial.suggest_categorical(label, [self.stored(value) for value in self.values])
        return json.loads(str(stored)) if self._encoded else stored

    def distribution(self) -> BaseDistribution:
        return CategoricalDistribution([self.stored(value) for value in self.values])

    def draw(self, random: Random) -> Any:
        return random.choice(self.values)

    def extremes(self) -> Sequence[Any]:
        return self.values

    def allows(self, value: Any) -> bool:
        return value in self.values

    def stored(self, value: Any) -> Any:
        """Optuna's categories are scalars: with a list among them, all are kept as JSON."""
        return json.dumps(value) if self._encoded else value

    @property
    def _encoded(self) -> bool:
        return any(isinstance(value, list | dict) for value in self.values)


KINDS: dict[str, type[Domain]] = {
    "uniform": Uniform,
    "log": Log,
    "int": Integer,
    "choice": Choice,
    "value": Fixed,
}


def options(condition: Any) -> Sequence[Any]:
    """The values that a condition on one name accepts."""
    return condition if isinstance(condition, list) else [condition]


def ordered(bounds: Bounds) -> Bounds:
    """The bounds; a ValueError unless the first is below the second."""
    if not bounds[0] < bounds[1]:
        raise ValueError("the first bound is below the second")
    return bounds


def is_number(value: Any) -> bool:
    """Whether a value is an int or a float, which true and false are not."""
    return isinstance(value, int | float) and not isinstance(value, bool)
