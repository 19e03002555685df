"""Broken rules, collected over many files and told in few lines."""

from dataclasses import dataclass
from pathlib import Path

from models.errors import Problem

UNPACK = "Unpack the session's archive again: files that are lost or cut short come back."
MAY_READ = "Give yourself the right to read the session's files: chmod -R u+rX on its folder."


@dataclass
class _Seen:
    path: Path
    found: str
    count: int = 1


class Findings:
    """What was found in one session; its size does not grow with the number of trials.

    A rule that many files of one folder break is told once, with the first file and their number.
    """

    def __init__(self) -> None:
        self._problems: dict[tuple[Path, str], _Seen] = {}
        self._warnings: dict[tuple[Path, str], _Seen] = {}
        self._remedies: dict[str, None] = {}  # a set that keeps its order

    def problem(self, path: Path, rule: str, found: str, remedy: str = UNPACK) -> None:
        """Note what makes the session unsound; `rule` is worded alike for all files of a kind."""
        _note(self._problems, path, rule, found)
        self._remedies[remedy] = None

    def warning(self, path: Path, rule: str, found: str) -> None:
        """Note what works here, but is unusual or stops the organisers' own loader."""
        _note(self._warnings, path, rule, found)

    def problems(self) -> tuple[Problem, ...]:
        """One a rule and folder, in the order in which they were first broken."""
        return _told(self._problems)

    def warnings(self) -> tuple[Problem, ...]:
        """As `problems`."""
        return _told(self._warnings)

    def remedies(self) -> tuple[str, ...]:
        """What to do about the problems, each once."""
        return tuple(self._remedies)


def _note(notes: dict[tuple[Path, str], _Seen], path: Path, rule: str, found: str) -> None:
    seen = notes.get((path.parent, rule))
    if seen is None:
        notes[path.parent, rule] = _Seen(path, found)
    else:
        seen.count += 1


def _told(notes: dict[tuple[Path, str], _Seen]) -> tuple[Problem, ...]:
    return tuple(_problem(seen, rule) for (_, rule), seen in notes.items())


def _problem(seen: _Seen, rule: str) -> Problem:
    if seen.count == 1:
        return Problem(str(seen.path), rule, seen.found)
    where = f"{seen.path} and {seen.count - 1:,} more there"
    return Problem(where, rule, f"{seen.found} in the first")


def listed(items: list[int], most: int = 5) -> str:
    """Numbers as words, cut after the first few."""
    shown = ", ".join(str(item) for item in items[:most])
    return f"{shown} and {len(items) - most:,} more" if len(items) > most else shown
