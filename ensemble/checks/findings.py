"""Broken rules, collected over many rows and told in few lines."""

from dataclasses import dataclass, field

from models.errors import Problem

_EXAMPLES = 3


@dataclass(frozen=True)
class Place:
    """A row of a submission, as it calls itself."""

    row: int
    mouse: str | None
    trial: int | str | None

    def __str__(self) -> str:
        return f"row {self.row} ({self.mouse}, trial {self.trial})"


@dataclass
class _Finding:
    count: int = 0
    examples: list[tuple[str, str]] = field(default_factory=list)


class Findings:
    """How often each rule was broken, and the first places; its size does not grow with the file."""

    def __init__(self) -> None:
        self._by_rule: dict[str, _Finding] = {}

    def add(self, rule: str, place: Place | str, found: str) -> None:
        """Note one breach; `rule` must be worded alike for all of a kind."""
        finding = self._by_rule.setdefault(rule, _Finding())
        finding.count += 1
        if len(finding.examples) < _EXAMPLES:
            finding.examples.append((str(place), found))

    def problems(self) -> list[Problem]:
        """One problem a rule, in the order in which they were first broken."""
        return [_problem(rule, finding) for rule, finding in self._by_rule.items()]


def _problem(rule: str, finding: _Finding) -> Problem:
    if finding.count == 1:
        place, found = finding.examples[0]
        return Problem(place, rule, found)
    told = "; ".join(f"{found} in {place}" for place, found in finding.examples)
    more = "; ..." if finding.count > len(finding.examples) else ""
    return Problem(f"{finding.count:,} rows", rule, told + more)


def shortened(items: list[int], most: int = 8) -> str:
    """A list of numbers, cut after the first few."""
    shown = ", ".join(str(item) for item in items[:most])
    return f"{shown}, ..." if len(items) > most else shown
