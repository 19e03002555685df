"""What strategies are compared on: recordings, space, minutes; read from quality.yaml."""

import json
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from models.errors import ConfigurationError, Problem
from models.recordings.synthetic import Recipe
from models.settings import read_yaml
from search.checks import prepare_space
from search.domains import Fixed
from search.recorded import recorded
from search.space import Flat, Space, build, settled

RECIPE = Path(__file__).with_name("quality.yaml")
REMEDY = "Mend the recipe; search/bench/quality.yaml is an example."


class Quality(BaseModel):
    """The recipe."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    recordings: Recipe
    space: str
    """A shipped one's name, or a file; one without a folder lies beside the recipe."""
    overrides: dict[str, Any] = {}
    """Dotted names that are fixed on top of the space."""
    minutes: float = Field(gt=0)
    """Of processor time, for the training of each strategy and seed."""
    seeds: int = Field(ge=1)
    top: int = Field(ge=1)
    """Complete trials that are confirmed; members of the ensemble at most."""
    folds: tuple[int, ...] = Field(min_length=1)
    """On which the best trials are trained again."""
    fixed: Flat
    """Of every name that the space varies, the value that is not searched for."""

    @property
    def prepared(self) -> Space:
        """The space with the overrides. Raises UserError."""
        return prepare_space(self.space, self.overrides)

    @property
    def fixed_flat(self) -> Flat:
        """The whole configuration that is not searched for. Raises ConfigurationError."""
        domains = settled(self.prepared, self.fixed)
        problems = [
            Problem(f"fixed.{name}", "a name that the space has for these values", repr(value))
            for name, value in self.fixed.items()
            if name not in domains
        ]
        for name, domain in domains.items():
            if name not in self.fixed and not isinstance(domain, Fixed):
                problems.append(
                    Problem(f"fixed.{name}", "a value, since the space varies it", "none")
                )
            elif name in self.fixed and not domain.allows(self.fixed[name]):
                found = repr(self.fixed[name])
                problems.append(Problem(f"fixed.{name}", "a value that the space has", found))
        if problems:
            raise ConfigurationError("the fixed configuration", problems, REMEDY)
        return {
            name: self.fixed.get(name, domain.extremes()[0]) for name, domain in domains.items()
        }

    def same_work(self) -> dict[str, Any]:
        """What one strategy's outcome depends on, as plain JSON values: all but how many seeds."""
        # A shipped space may change under its name.
        space = self.prepared
        content = json.loads(json.dumps({**recorded(space), "first": space.first}))
        return {**self.model_dump(mode="json", exclude={"seeds"}), "space": content}


def read_recipe(path: Path = RECIPE) -> Quality:
    """The recipe of a YAML file. Raises ConfigurationError with all that is wrong."""
    try:
        recipe = Quality.model_validate(read_yaml(path.read_text()))
    except yaml.YAMLError as error:
        raise ConfigurationError(
            str(path), [Problem("the whole", "YAML", str(error))], REMEDY
        ) from error
    except ValidationError as error:
        problems = [
            Problem(".".join(map(str, one["loc"])) or "the whole", one["msg"], repr(one["input"]))
            for one in error.errors()
        ]
        raise ConfigurationError(str(path), problems, REMEDY) from error
    beside = path.parent / recipe.space
    if beside.is_file():
        recipe = recipe.model_copy(update={"space": str(beside)})
    check_folds(recipe)
    return recipe


def check_folds(recipe: Quality) -> None:
    """The space deals so many folds. Raises ConfigurationError where it does not."""
    data = build(recipe.fixed_flat).data
    wrong = [fold for fold in recipe.folds if not 0 <= fold < data.folds]
    if wrong:
        rule = f"from 0 to {data.folds - 1}, as the space deals {data.folds} folds"
        problem = Problem("folds", rule, ", ".join(map(str, wrong)))
        raise ConfigurationError("the recipe", [problem], REMEDY)
