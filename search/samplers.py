"""How the next configuration is chosen: Optuna's samplers by name, and which of them suits a space."""

import warnings
from collections.abc import Sequence
from random import Random
from typing import Any

import numpy as np
import optuna
from optuna.samplers import (
    BaseSampler,
    CmaEsSampler,
    NSGAIISampler,
    QMCSampler,
    RandomSampler,
    TPESampler,
)

from models.errors import UserError
from search.domains import Choice, Domain, Fixed
from search.families import FamilyTPE
from search.gaussian_process import GaussianProcess
from search.names import suggest
from search.objectives import ONE
from search.space import Space

FAMILIES = "families"
TITLES = {
    "tpe": "TPE",
    FAMILIES: "TPE within each family",
    "gp": "a Gaussian process",
    "cmaes": "CMA-ES",
    "qmc": "a quasi-random sequence",
    "random": "random draws",
    "nsga2": "NSGA-II",
}
NAMES = ("auto", *TITLES)
FOR_SEVERAL = ("auto", "nsga2", "qmc", "random")
"""Those that serve several objectives."""
WHY_NOT = dict.fromkeys(
    ("tpe", FAMILIES), "Optuna's cannot take trials that were stopped early with more than one"
)
"""What else keeps a sampler from it than that it has one objective."""
MOST_FOR_GP = 200
"""Trials up to which `auto` takes the Gaussian process: its time grows with their cube."""
DRAWS = 200
"""Random configurations by which a space is judged."""
_SALT = 7
"""Tells a sampler's draws from a trial's of the same seed."""
FEWEST_NUMBERS = 2
"""CMA-ES needs so many: Optuna draws a single one at random."""


def make_sampler(
    name: str,
    space: Space,
    trials: int | None,
    seed: int,
    begun: int = 0,
    objectives: Sequence[str] = ONE,
) -> BaseSampler:
    """The sampler of this name for a search of so many trials; None is an open number.

    begun: trials that the study has already, so that a resumed search does not repeat its first
    random draws. Raises UserError for an unknown name, and for a sampler that cannot serve the space
    or the objectives.
    """
    chosen, _ = choose(name, space, trials, objectives)
    mixed = int(np.random.SeedSequence([seed, begun, _SALT]).generate_state(1)[0])
    with warnings.catch_warnings():  # Optuna calls some of them experiments
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        if chosen == FAMILIES:
            return FamilyTPE(space.families, mixed)
        return _made(chosen, trials, seed, mixed)


def _made(chosen: str, trials: int | None, seed: int, mixed: int) -> BaseSampler:
    if chosen == "gp":
        return GaussianProcess(mixed)
    if chosen == "cmaes":
        return CmaEsSampler(
            seed=mixed, consider_pruned_trials=True, warn_independent_sampling=False
        )
    if chosen == "qmc":  # one sequence over all resumes: Optuna goes on at its place in it
        return QMCSampler(
            seed=seed,
            scramble=True,
            independent_sampler=RandomSampler(seed=mixed),
            warn_independent_sampling=False,
        )
    if chosen == "nsga2":
        return NSGAIISampler(seed=mixed, population_size=_population(trials))
    return RandomSampler(seed=mixed) if chosen == "random" else TPESampler(seed=mixed)


def describe_sampler(
    name: str, space: Space, trials: int | None, objectives: Sequence[str] = ONE
) -> str:
    """A line for the start of a search: 'proposals: TPE (the space has conditions)'."""
    chosen, why = choose(name, space, trials, objectives)
    return f"proposals: {TITLES[chosen]}" + (f" ({why})" if why else "")


def choose(
    name: str, space: Space, trials: int | None, objectives: Sequence[str] = ONE
) -> tuple[str, str]:
    """The sampler that a name stands for here, and a remark. Raises UserError."""
    if name not in NAMES:
        message = f"there is no sampler '{name}'{suggest(name, NAMES)}"
        raise UserError(message, f"Choose one of {', '.join(NAMES)}.")
    if len(objectives) > 1:
        _check_several(name, objectives)
    conditional = has_conditions(space)
    if name == "auto" and len(objectives) > 1:
        return "nsga2", f"objectives: {', '.join(objectives)}"
    if name == "auto":
        return _automatic(space, conditional, trials)
    if name == "cmaes":
        _check_cmaes(space, conditional)
    alone = conditional and name in ("gp", "qmc")
    return name, "names that not every configuration has are drawn at random" if alone else ""


def _check_several(name: str, objectives: Sequence[str]) -> None:
    """Raise UserError for a sampler that cannot weigh several objectives."""
    if name not in FOR_SEVERAL:
        why = WHY_NOT.get(name, "it knows only one")
        message = f"{TITLES[name]} serves no search for {' and '.join(objectives)}: {why}"
        raise UserError(
            message, f"Choose --sampler {', '.join(FOR_SEVERAL[:-1])} or {FOR_SEVERAL[-1]}."
        )


def _automatic(space: Space, conditional: bool, trials: int | None) -> tuple[str, str]:
    if len(space.families) > 1:
        return FAMILIES, "a family is chosen by its best trial"
    if conditional:
        return "tpe", "the space has conditions"
    if trials is None or trials > MOST_FOR_GP:
        count = "an open number of" if trials is None else trials
        return "tpe", f"{count} trials; a Gaussian process is for at most {MOST_FOR_GP}"
    return "gp", f"no conditions, and at most {MOST_FOR_GP} trials"


def _check_cmaes(space: Space, conditional: bool) -> None:
    """Raise UserError where Optuna's CMA-ES would draw most names at random."""
    domains = varied_domains(space)
    choices = sum(isinstance(domain, Choice) for domain in domains)
    numbers = len(domains) - choices
    if conditional:
        found = "this space has conditions"
    elif numbers < max(FEWEST_NUMBERS, choices):
        found = f"this space varies {numbers} numbers and {choices} choices"
    else:
        return
    message = f"CMA-ES is for spaces without conditions and of mostly numbers; {found}"
    raise UserError(message, "Choose --sampler auto, or fix names with --set.")


def has_conditions(space: Space) -> bool:
    """Whether configurations differ in which names are chosen, or in what each is chosen from."""
    return len({tuple(labels) for labels in _label_sets(space)}) > 1


def varied_domains(space: Space) -> list[Domain]:
    """The domains that values are chosen from in some configuration."""
    found = {label: domain for labels in _label_sets(space) for label, domain in labels.items()}
    return list(found.values())


def _label_sets(space: Space) -> list[dict[str, Domain]]:
    """What is chosen, by Optuna's names, in configurations at random."""
    random = Random(0)
    return [_labels(space, random) for _ in range(DRAWS)]


def _labels(space: Space, random: Random) -> dict[str, Domain]:
    labels: dict[str, Domain] = {}

    def choose_one(_: str, label: str, domain: Domain) -> Any:
        if not isinstance(domain, Fixed):
            labels[label] = domain
        return domain.draw(random)

    space.walk(choose_one)
    return labels


def _population(trials: int | None) -> int:
    """A generation of NSGA-II: Optuna's 50, or fewer so that there are some generations."""
    return 50 if trials is None else min(50, max(4, trials // 5))
