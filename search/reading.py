"""Space files: read, with everything that is wrong in one named at once."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from graphlib import CycleError
from pathlib import Path
from random import Random
from typing import Any

import yaml
from pydantic import ValidationError

from models.errors import ConfigurationError, Problem, UserError
from models.settings import read_yaml
from search.constraints import Constraints
from search.domains import KINDS, Domain, Fixed
from search.names import name_problem, suggest, value_problem
from search.space import Space, build, draw, floor_flat, parents, settled

SHIPPED = Path(__file__).parent / "spaces"
SECTIONS = ("fixed", "parameters", "first", "floor", "limits")
REMEDY = "Mend the space file; the shipped ones in search/spaces/ are examples."
PROBES = 50
"""Configurations that are drawn at random and built before a space is accepted."""


def shipped_spaces() -> list[str]:
    """The names of the spaces that come with the package."""
    return sorted(path.stem for path in SHIPPED.glob("*.yaml"))


def load_space(source: str) -> Space:
    """A shipped space by name, or one from a file. Raises UserError with all that is wrong."""
    path = SHIPPED / f"{source}.yaml" if source in shipped_spaces() else Path(source)
    if not path.is_file():
        hint = suggest(source, shipped_spaces())
        remedy = f"Shipped spaces: {', '.join(shipped_spaces())}; or give the path of a YAML file."
        raise UserError(f"there is no space '{source}'{hint}", remedy)
    try:
        content = read_yaml(path.read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not YAML: {error}", REMEDY) from error
    return parse_space(content, str(path))


def parse_space(content: Any, subject: str) -> Space:
    """A space from the content of its file; ConfigurationError names everything that is wrong."""
    if not isinstance(content, Mapping):
        found = Problem("the whole", f"a mapping with {', '.join(SECTIONS)}", repr(content)[:80])
        raise ConfigurationError(subject, [found], REMEDY)
    problems = list(_section_problems(content))
    domains: dict[str, list[Domain]] = {}
    for section in ("fixed", "parameters"):
        for name, entry in _mapping(content, section).items():
            where = f"{section}.{name}"
            domains.setdefault(name, []).extend(_alternatives(section, entry, where, problems))
            problems += filter(None, [name_problem(name, where)])
    limits = read_limits(_mapping(content, "limits"), "limits", problems)
    space = Space(domains, _first(content), dict(_mapping(content, "floor")), limits)
    problems += [*_value_problems(space), *_condition_problems(space)]
    if not problems:  # the last checks settle configurations, for which all else must be sound
        problems += [*_first_problems(space), *build_problems(space)]
    if problems:
        raise ConfigurationError(subject, problems, REMEDY)
    return space


def _section_problems(content: Mapping[str, Any]) -> Iterator[Problem]:
    for key, value in content.items():
        if key not in SECTIONS:
            yield Problem(
                str(key), f"no such section{suggest(str(key), SECTIONS)}", repr(value)[:80]
            )
        elif key == "first" and not _is_list_of_mappings(value):
            yield Problem(key, "a list of mappings of dotted names to values", repr(value)[:80])
        elif key != "first" and not isinstance(value, Mapping):
            yield Problem(key, "a mapping of dotted names", repr(value)[:80])
    if not _mapping(content, "parameters"):
        yield Problem("parameters", "at least one name with its values", "none: nothing to search")


def _alternatives(section: str, entry: Any, where: str, problems: list[Problem]) -> list[Domain]:
    """The domains of one entry; what is wrong with them goes to `problems`."""
    if section == "fixed" and not _is_conditional(entry):
        return [Fixed(value=entry)]
    entries = entry if isinstance(entry, list) else [entry]
    domains = []
    for index, each in enumerate(entries):
        place = f"{where}[{index}]" if len(entries) > 1 else where
        kinds = [kind for kind in KINDS if isinstance(each, Mapping) and kind in each]
        if len(kinds) != 1:
            problems.append(Problem(place, f"one of {', '.join(KINDS)} as key", repr(each)[:80]))
            continue
        try:
            domains.append(KINDS[kinds[0]].model_validate(_as_tuples(each)))
        except ValidationError as error:
            known = ["when", *kinds, *(["step"] if kinds == ["int"] else [])]
            problems += [_problem(place, dict(detail), known) for detail in error.errors()]
    return domains


def read_limits(content: Mapping[str, Any], where: str, problems: list[Problem]) -> Constraints:
    """The limits of a space; what is wrong with them goes to `problems`."""
    try:
        return Constraints.model_validate(content)
    except ValidationError as error:
        known = list(Constraints.model_fields)
        problems += [_problem(where, dict(detail), known) for detail in error.errors()]
        return Constraints()


def _problem(place: str, detail: Mapping[str, Any], known: Sequence[str]) -> Problem:
    where = ".".join([place, *map(str, detail["loc"])])
    rule = str(detail["msg"]).removeprefix("Value error, ")
    if detail["type"] == "extra_forbidden":
        rule = f"no such key{suggest(str(detail['loc'][-1]), known)}"
    return Problem(where, rule, repr(detail["input"])[:80])


def _value_problems(space: Space) -> list[Problem]:
    """Values that no field of their name accepts."""
    found = []
    for name, alternatives in space.domains.items():
        values = [value for domain in alternatives for value in domain.extremes()]
        if name_problem(name, name) is None:
            found += [value_problem(name, value, name) for value in values]
    for name, value in space.floor.items():
        where = f"floor.{name}"
        found.append(name_problem(name, where) or value_problem(name, value, where))
    return [problem for problem in found if problem]


def _condition_problems(space: Space) -> list[Problem]:
    """Conditions on names that are not there, that go round in circles, or that never hold."""
    found = []
    for name, needed in parents(space.domains).items():
        for parent in sorted(needed - set(space.domains)):
            rule = f"its condition names a parameter or fixed name{suggest(parent, space.domains)}"
            found.append(Problem(name, rule, parent))
        if any(not domain.when for domain in list(space.domains[name])[:-1]):
            found.append(
                Problem(name, "only the last alternative has no condition", "others after")
            )
    if not found:
        try:
            _ = space.order
        except CycleError as error:
            circle = " -> ".join(error.args[1])
            found.append(Problem("when", "conditions do not go round in a circle", circle))
    return found


def _first_problems(space: Space) -> list[Problem]:
    """First configurations with names that are not asked for there, or values out of range."""
    found = []
    for index, wanted in enumerate(space.first):
        place = f"first[{index}]"
        asked = settled(space, wanted)
        for name, value in wanted.items():
            if name not in asked:
                rule = f"a name whose condition holds there{suggest(name, asked)}"
                found.append(Problem(place, rule, name))
            elif not asked[name].allows(value):
                found.append(
                    Problem(f"{place}.{name}", "a value that the search may choose", repr(value))
                )
    return found


def build_problems(space: Space) -> list[Problem]:
    """What is wrong with configurations that the space can give."""
    random = Random(0)
    flats = [draw(space, random) for _ in range(PROBES)]
    problems: dict[str, Problem] = {}
    for make in [*(partial(build, flat) for flat in flats), partial(build, floor_flat(space))]:
        try:
            make()
        except ConfigurationError as error:
            problems |= {problem.rule: problem for problem in error.problems}
    return list(problems.values())


def _mapping(content: Mapping[str, Any], section: str) -> Mapping[str, Any]:
    value = content.get(section)
    return {str(key): each for key, each in value.items()} if isinstance(value, Mapping) else {}


def _first(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    value = content.get("first", [])
    return [dict(each) for each in value] if _is_list_of_mappings(value) else []


def _is_list_of_mappings(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, Mapping) for each in value)


def _is_conditional(entry: Any) -> bool:
    """Whether a fixed entry is written out as {value: ..., when: ...}, or a list of these."""
    return isinstance(entry, Mapping) or (bool(entry) and _is_list_of_mappings(entry))


def _as_tuples(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The bounds and choices of an entry as the tuples that strict types want."""
    kinds = KINDS.keys() - {"value"}
    return {
        key: tuple(value) if key in kinds and isinstance(value, list) else value
        for key, value in entry.items()
    }
