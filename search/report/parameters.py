"""The parameters that a search varies, as they apply to one family of networks."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from search.domains import options
from search.space import FAMILY

Domains = Mapping[str, Sequence[Mapping[str, Any]]]
KINDS = ("log", "uniform", "int", "choice")


@dataclass(frozen=True)
class Parameter:
    """A varied name of the configuration."""

    name: str
    label: str
    """The last part of the name, or all of it where that is another's too."""
    kind: str
    """log, uniform, int or choice."""


def parameters_of(domains: Domains, family: str) -> list[Parameter]:
    """What varies among the trials of a family, apart from the family itself."""
    kinds = {
        name: found[0]
        for name, alternatives in domains.items()
        if name != FAMILY and (found := list(_kinds(alternatives, family)))
    }
    counts = Counter(name.rpartition(".")[2] for name in kinds)
    return [Parameter(name, _label(name, counts), kind) for name, kind in kinds.items()]


def _kinds(alternatives: Sequence[Mapping[str, Any]], family: str) -> Iterator[str]:
    """The kinds of the free alternatives that a trial of the family can meet."""
    for each in alternatives:
        when = each.get("when", {})
        if FAMILY in when and family not in options(when[FAMILY]):
            continue
        yield from (kind for kind in KINDS if kind in each)
        if not set(when) - {FAMILY}:
            return  # this one holds for all that come here


def _label(name: str, counts: Counter[str]) -> str:
    last = name.rpartition(".")[2]
    return last if counts[last] == 1 else name


def short(value: Any) -> str:
    """A value in few letters."""
    if isinstance(value, float):
        return f"{value:.3g}"
    return str(value).replace(" ", "").replace("'", "")


def shown(parameters: Sequence[Parameter], flat: Mapping[str, Any]) -> list[str]:
    """`label=value` for each parameter that a configuration has."""
    return [f"{each.label}={short(flat[each.name])}" for each in parameters if each.name in flat]
