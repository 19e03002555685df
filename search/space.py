"""A search space: what varies, what is fixed, under which conditions, and what is tried first.

A space file:

    fixed:                              # the same in every trial, or wherever its condition holds
      data.folds: 5
      data.downsample: {value: 2, when: {network.family: dwiseneuro}}
    parameters:
      network.family: {choice: [linear, dwiseneuro]}
      training.learning_rate:             # of several alternatives the first that holds counts
        - {log: [1.0e-3, 3.0e-2], when: {network.family: linear}}
        - {log: [5.0e-4, 5.0e-3]}
    first:                              # tried before all others; what is left out is proposed
      - {network.family: linear, training.learning_rate: 0.01}
    floor:                              # settings of the linear model beside the search
      training.epochs: 4
    limits:                             # a configuration over one of them is not trained
      parameters: 200000000
      memory_gb: 48
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from graphlib import TopologicalSorter
from random import Random
from typing import Any

import optuna

from models.config import RunConfig, load_config, nest
from models.networks.registry import FLOOR
from search.constraints import Constraints
from search.domains import Domain, Fixed
from search.names import families_of, families_that_take

FAMILY = "network.family"
LIMIT = "limits."
"""What the name of a limit begins with where it is set for one search."""
Flat = dict[str, Any]
"""A configuration as dotted names and values."""
Chooser = Callable[[str, str, Domain], Any]
"""Chooses a value, given the dotted name, Optuna's label for it and the domain."""


@dataclass(frozen=True)
class Space:
    """A search space; `search.reading` makes valid ones from files."""

    domains: Mapping[str, Sequence[Domain]]
    """The alternatives of each dotted name, of which the first that holds counts."""
    first: Sequence[Flat] = ()
    """Configurations that are tried first; names may be missing from them."""
    floor: Flat = field(default_factory=dict)
    """Settings of the floor's run that differ from the others'."""
    limits: Constraints = field(default_factory=Constraints)

    @property
    def families(self) -> list[str]:
        """The families of networks that a configuration can be of."""
        return [
            value for domain in self.domains.get(FAMILY, ()) for value in domain.extremes()
        ] or [FLOOR]

    @property
    def varied(self) -> list[str]:
        """The names that the search chooses values for."""
        return [name for name, domains in self.domains.items() if any(map(_is_free, domains))]

    @cached_property
    def order(self) -> tuple[str, ...]:
        """All names, each after those its conditions name. Raises graphlib.CycleError."""
        return tuple(TopologicalSorter(parents(self.domains)).static_order())

    def walk(self, choose: Chooser) -> Flat:
        """Settle every name whose condition holds, parents first."""
        flat: Flat = {}
        for name in self.order:
            index = next((i for i, each in enumerate(self.domains[name]) if each.holds(flat)), None)
            if index is not None:
                domain = self.domains[name][index]
                flat[name] = choose(name, self._label(name, domain), domain)
        return flat

    def _label(self, name: str, domain: Domain) -> str:
        """Optuna's name of a parameter: ranges of different alternatives are different parameters."""
        if sum(map(_is_free, self.domains[name])) == 1:
            return name
        conditions = ", ".join(f"{parent}={value}" for parent, value in domain.when.items())
        return f"{name} ({conditions or 'else'})"


def _is_free(domain: Domain) -> bool:
    return not isinstance(domain, Fixed)


def parents(domains: Mapping[str, Sequence[Domain]]) -> dict[str, set[str]]:
    """For each name the names that its conditions mention."""
    return {
        name: {parent for domain in alternatives for parent in domain.when}
        for name, alternatives in domains.items()
    }


def sample(space: Space, trial: optuna.Trial) -> Flat:
    """The configuration that Optuna proposes in this trial."""
    return space.walk(lambda _, label, domain: domain.suggest(trial, label))


def draw(space: Space, random: Random) -> Flat:
    """A configuration at random."""
    return space.walk(lambda _, __, domain: domain.draw(random))


def settled(space: Space, wanted: Mapping[str, Any]) -> dict[str, Domain]:
    """The names that a configuration with the values of `wanted` has, each with its domain."""
    found: dict[str, Domain] = {}

    def choose(name: str, _: str, domain: Domain) -> Any:
        found[name] = domain
        return wanted.get(name, domain.extremes()[0])

    space.walk(choose)
    return found


def enqueued(space: Space, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """What Optuna is to be told so that it proposes `wanted` next: stored values by label."""
    told: dict[str, Any] = {}

    def choose(name: str, label: str, domain: Domain) -> Any:
        if name not in wanted:
            return domain.extremes()[0]
        if not isinstance(domain, Fixed):
            told[label] = domain.stored(wanted[name])
        return wanted[name]

    space.walk(choose)
    return told


def overridden(space: Space, values: Mapping[str, Any]) -> Space:
    """The space with these names fixed, each in all families of networks that take the value.

    The first configurations take over the values; one that has names which are no longer asked for,
    such as those of another family, is left out.
    """
    whole = {name: value for name, value in values.items() if name.startswith(LIMIT)}
    limits = {name.removeprefix(LIMIT): value for name, value in whole.items()}
    values = {name: value for name, value in values.items() if name not in whole}
    fixed = replace(space, domains=_with_fixed(space, values))
    first = [{k: v for k, v in each.items() if k not in values} for each in space.first]
    possible = [each for each in first if set(each) <= set(settled(fixed, each))]
    shared = {name: value for name, value in values.items() if not name.startswith("network.")}
    return replace(
        fixed,
        first=possible,
        floor={**space.floor, **shared},
        limits=space.limits.model_copy(update=limits),
    )


def _with_fixed(space: Space, values: Mapping[str, Any]) -> dict[str, Sequence[Domain]]:
    """The domains with these names fixed."""
    domains = dict(space.domains)
    if FAMILY in values:
        domains[FAMILY] = [Fixed(value=values[FAMILY])]
    families = set(replace(space, domains=domains).families)
    for name, value in values.items():
        having = families & set(families_of(name))
        taking = families & set(families_that_take(name, value))
        if taking in (set(), families):  # none takes it: building a configuration says why
            domains[name] = [Fixed(value=value)]
        else:
            others = domains.get(name, ()) if taking != having else ()
            domains[name] = [Fixed(value=value, when={FAMILY: sorted(taking)}), *others]
    return domains


def build(flat: Mapping[str, Any]) -> RunConfig:
    """The configuration of a run. Raises ConfigurationError."""
    return load_config(nest(flat))


def floor_flat(space: Space) -> Flat:
    """The linear model on the same data: the space's unconditional settings, then its `floor`."""
    flat: Flat = {}
    for name, alternatives in space.domains.items():
        domain = alternatives[0]
        if isinstance(domain, Fixed) and not domain.when and not name.startswith("network."):
            flat[name] = domain.value
    return {**flat, "network.family": FLOOR, **space.floor}
