"""What must hold before a search starts; all that does not is said at once."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from models.errors import ConfigurationError, Problem, RunError, UserError
from models.fetching import fetched
from models.recordings.data_set import open_sessions
from models.recordings.fetched import look_at
from models.recordings.session import fingerprint
from models.recordings.where import Where
from models.runs import search_folder
from models.settings import read_yaml
from search.limits import Limits
from search.mlflow_store import Store, reason
from search.names import name_problem, value_problem
from search.plan import Plan
from search.reading import build_problems, load_space, read_limits
from search.samplers import choose, varied_domains
from search.space import LIMIT, Space, overridden

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


def check_limits(limits: Limits, gpus_per_trial: float) -> None:
    """The search ends by itself."""
    given = (limits.trials, limits.hours, limits.plateau, limits.gpu_hours)
    if all(limit is None for limit in given):
        raise UserError("nothing ends this search", "Give --trials, --hours or --gpu-hours.")
    if limits.gpu_hours is not None and gpus_per_trial == 0:
        message = f"--gpu-hours {limits.gpu_hours:g} counts GPUs, and these trials use none"
        raise UserError(message, "Give --hours.")


def check_proposing(home: Path, plan: Plan, space: Space | None) -> None:
    """The sampler serves the space, and the searches to learn from are there."""
    for name in plan.warm_start:
        search_folder(home, name)
    if space is not None:
        choose(plan.sampler, space, plan.limits.trials, plan.objectives)


def check_data(data: Where) -> None:
    """The recordings are there and can be read; those at a URI have room here, but are not fetched."""
    if isinstance(data, str):
        look_at(data)
        return
    for session in open_sessions(data):
        _ = session.tiers, session.unit_ids


def check_same_data(plan: Plan) -> None:
    """The recordings are those that the search began with."""
    check_data(plan.data)
    found = fingerprint(open_sessions(fetched(plan.data)))
    if found != plan.fingerprint:
        message = f"{plan.data} holds other recordings than '{plan.name}' was begun with"
        remedy = "Give those with --data, or begin another search."
        raise RunError(f"{message}: {found} instead of {plan.fingerprint}", remedy)


def check_tracking(store: Store, tell: Callable[[str], None]) -> None:
    """MLflow knows no experiment of this name, deleted ones included; a server may be away."""
    try:
        missing = store.is_missing()
    except Exception as error:  # whatever a network or a server may raise
        tell(f"MLflow at {store.uri} cannot be reached, its records wait on disk: {reason(error)}")
        return
    if not missing:
        message = f"MLflow at {store.uri} already has an experiment '{store.name}'"
        raise RunError(message, "Choose another --name.")


def parse_overrides(assignments: list[str]) -> dict[str, Any]:
    """`key=value` arguments as names and values, read as YAML; all mistakes at once."""
    problems, values = [], {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals:
            problems.append(Problem("--set", "key=value", assignment))
            continue
        try:
            values[name] = read_yaml(text)
        except yaml.YAMLError:
            problems.append(Problem(f"--set {name}", "a value in YAML, as 1e-3 or [8, 8]", text))
            continue
        problems += _override_problems(name, values[name])
    if problems:
        raise ConfigurationError(
            "--set", problems, "Give dotted names, as --set training.epochs=3."
        )
    return values


def _override_problems(name: str, value: Any) -> list[Problem]:
    """What is wrong with one name and its value."""
    if name.startswith(LIMIT):
        problems: list[Problem] = []
        read_limits({name.removeprefix(LIMIT): value}, f"--set {LIMIT[:-1]}", problems)
        return problems
    found = name_problem(name, "--set") or value_problem(name, value, f"--set {name}")
    return [found] if found else []


def prepare_space(source: str, overrides: Mapping[str, Any]) -> Space:
    """The space with the overrides in it; UserError if nothing is left to search."""
    space = overridden(load_space(source), overrides)
    if not varied_domains(space):
        message = f"nothing is left to search: --set fixes all that '{source}' varies"
        raise UserError(
            message, "Leave one --set out, or train one run with 'python -m models train'."
        )
    problems = build_problems(space)
    if problems:
        raise ConfigurationError(f"{source} with --set", problems, "Give another value with --set.")
    return space
