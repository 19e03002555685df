"""What must hold before a search starts; all that does not is said at once."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mlflow import MlflowClient

from models.errors import ConfigurationError, Problem, RunError, UserError
from models.recordings.data_set import open_sessions
from models.settings import read_yaml
from search.names import name_problem, value_problem
from search.reading import build_problems, load_space
from search.space import Space, overridden

RESERVED = ("artifacts", "mlflow.db")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def run_all(*checks: Callable[[], Any]) -> None:
    """Run every check; one user's mistake is raised as it is, several as one UserError."""
    mistakes: list[UserError] = []
    for check in checks:
        try:
            check()
        except UserError as error:
            mistakes.append(error)
    if len(mistakes) == 1:
        raise mistakes[0]
    if mistakes:
        messages = "\n".join(f"- {error.message}" for error in mistakes)
        remedies = " ".join(dict.fromkeys(error.remedy for error in mistakes if error.remedy))
        raise UserError(f"{len(mistakes)} things are in the way:\n{messages}", remedies)


def check_name(home: Path, name: str) -> None:
    """The name makes a folder and is free."""
    if not NAME.fullmatch(name):
        message = f"a search's name has letters, digits, '.', '_' and '-' only; found '{name}'"
        raise RunError(message, "Choose another --name.")
    if (home / name).exists() or name in RESERVED:
        message = f"the name '{name}' is taken in {home}"
        remedy = f"Choose another --name, or see 'python -m search status {name}'."
        raise RunError(message, remedy)


def check_trials(trials: int) -> None:
    """There is something to try."""
    if trials < 1:
        raise UserError(
            f"a search has at least one trial; found --trials {trials}", "Give --trials 8."
        )


def check_data(data: Path) -> None:
    """The recordings are there and can be read."""
    for session in open_sessions(data):
        _ = session.tiers, session.unit_ids


def check_tracking(client: MlflowClient, name: str) -> None:
    """MLflow knows no experiment of this name, deleted ones included."""
    if client.get_experiment_by_name(name) is not None:
        message = f"MLflow at {client.tracking_uri} already has an experiment '{name}'"
        raise RunError(message, "Choose another --name.")


def parse_overrides(assignments: list[str]) -> dict[str, Any]:
    """`key=value` arguments as names and values, read as YAML; all mistakes at once."""
    problems, values = [], {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals:
            problems.append(Problem("--set", "key=value", assignment))
            continue
        values[name] = read_yaml(text)
        found = name_problem(name, "--set") or value_problem(name, values[name], f"--set {name}")
        problems += [found] if found else []
    if problems:
        raise ConfigurationError(
            "--set", problems, "Give dotted names, as --set training.epochs=3."
        )
    return values


def prepare_space(source: str, overrides: Mapping[str, Any]) -> Space:
    """The space with the overrides in it; UserError if nothing is left to search."""
    space = overridden(load_space(source), overrides)
    if not space.varied:
        message = f"nothing is left to search: --set fixes all that '{source}' varies"
        raise UserError(
            message, "Leave one --set out, or train one run with 'python -m models train'."
        )
    problems = build_problems(space)
    if problems:
        raise ConfigurationError(f"{source} with --set", problems, "Give another value with --set.")
    return space
