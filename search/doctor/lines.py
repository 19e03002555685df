"""What a check found: a line that says ok, warning or problem, and what to do."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from models.clusters import described
from models.errors import UserError

State = Literal["ok", "warning", "problem"]


@dataclass(frozen=True)
class Finding:
    """One line."""

    name: str
    """What was looked at."""
    state: State
    found: str
    remedy: str = ""
    """The next step; empty where there is nothing to do."""


def ok(name: str, found: str) -> Finding:
    """A line that asks for nothing."""
    return Finding(name, "ok", found)


def warning(name: str, found: str, remedy: str) -> Finding:
    """A search runs, but slower, or not for long."""
    return Finding(name, "warning", found, remedy)


def problem(name: str, found: str, remedy: str) -> Finding:
    """A search would fail, or its records would be wrong."""
    return Finding(name, "problem", found, remedy)


def guarded(name: str, check: Callable[[], Sequence[Finding]]) -> list[Finding]:
    """What a check found; an exception is a problem too, so that the checks after it still run."""
    try:
        return list(check())
    except UserError as error:
        return [problem(name, error.message, error.remedy)]
    except Exception as error:  # whatever a broken machine makes a library raise
        remedy = "The check itself broke off: mend what it names, then run it again."
        return [problem(name, described(error), remedy)]


def gigabytes(count: float) -> str:
    """Bytes in GB, for people."""
    return f"{count / 1e9:.1f} GB"


def plural(count: int, noun: str, many: str = "") -> str:
    """`1 node`, `2 nodes`; `many` is for a noun that does not end with s then."""
    return f"{count} {noun if count == 1 else many or noun + 's'}"
