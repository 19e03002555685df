"""The exceptions a user can cause, drawn as one tree.

UserError                 a mistake the user can mend; the command line prints it and exits with 2
├── ProblemsFound         several at once: every problem of a data set, a file or a configuration
├── ConfigurationError    a configuration that does not describe a run
├── RecordingError        a recording that cannot be read
├── RunError              a run folder that is missing, taken or incomplete
└── StorageError          a disk that is full or refuses to be written
"""

from collections.abc import Sequence
from dataclasses import dataclass


class UserError(Exception):
    """What is wrong (`message`) and the next step (`remedy`)."""

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(f"{message}\n{remedy}" if remedy else message)
        self.message = message
        self.remedy = remedy


@dataclass(frozen=True)
class Problem:
    """One broken rule: where, which rule, what was found instead."""

    where: str
    rule: str
    found: str

    def __str__(self) -> str:
        return f"{self.where}: {self.rule}; found {self.found}"


class ProblemsFound(UserError):
    """Everything that is wrong with one thing, at once."""

    def __init__(self, subject: str, problems: Sequence[Problem], remedy: str = "") -> None:
        count = f"{len(problems)} problem{'s' if len(problems) != 1 else ''}"
        lines = "\n".join(f"  {problem}" for problem in problems)
        super().__init__(f"{subject}: {count}\n{lines}", remedy)
        self.subject = subject
        self.problems = tuple(problems)


class ConfigurationError(ProblemsFound):
    """A configuration that breaks one or more rules."""


class RecordingError(UserError):
    """A recording, or one file of it, that cannot be read."""


class RunError(UserError):
    """A run folder that is missing, taken or incomplete."""


class StorageError(UserError):
    """The disk is full or refuses to be written."""
