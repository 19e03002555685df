"""A configuration as a user gives it: a file, and single values on the command line."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from models.config import RunConfig, flatten, load_config, nest
from models.errors import UserError


class Loader(yaml.SafeLoader):
    """YAML 1.1 takes 1e-3 for a word; here it is the number."""


Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"),
    [*"-+0123456789"],
)


def read_yaml(text: str) -> Any:
    """The content of a YAML text. Raises yaml.YAMLError."""
    return yaml.load(text, Loader)  # a SafeLoader


def read_settings(path: Path | None, values: Sequence[str]) -> RunConfig:
    """The configuration of a JSON or YAML file with single `name=value` pairs put over it."""
    settings = read_file(path) if path is not None else {}
    return load_config(nest(settings | parse_values(values)))


def read_file(path: Path) -> dict[str, Any]:
    """A JSON or YAML file of nested or dotted names, as one level of dotted names."""
    try:
        content = read_yaml(path.read_text())  # JSON is YAML
    except OSError as error:
        message = f"cannot read {path}: {error.strerror or error}"
        raise UserError(message, "Give a JSON or YAML file.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is neither JSON nor YAML: {error}", "Mend the file.") from error
    if not isinstance(content, dict):
        message = f"{path} holds one {type(content).__name__}, not named values"
        raise UserError(message, "Write it like 'training: {epochs: 5}'.")
    return flatten({str(name): value for name, value in content.items()})


def parse_values(pairs: Sequence[str]) -> dict[str, Any]:
    """`training.epochs=5` and the like as one level of dotted names; the values are YAML."""
    values: dict[str, Any] = {}
    for pair in pairs:
        name, separator, value = pair.partition("=")
        if not separator:
            message = f"--set takes name=value; found '{pair}'"
            raise UserError(message, "Write it like --set training.epochs=5.")
        values[name.strip()] = _value(name.strip(), value)
    return flatten(values)


def _value(name: str, text: str) -> Any:
    try:
        return read_yaml(text)
    except yaml.YAMLError as error:
        message = f"--set {name}: '{text}' is not YAML"
        raise UserError(message, "Write lists like '[train, oracle]', texts in quotes.") from error
