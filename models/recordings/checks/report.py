"""What was seen and found in a data set."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from models.errors import Problem, RecordingError
from models.recordings.layout import NEW_HASH, OLD_HASH

Kind = Literal["old", "new", "other"]


@dataclass(frozen=True)
class SessionReport:
    """One session; None or empty is what could not be read."""

    path: Path
    name: str
    """The folder's name, which submissions call the mouse."""
    neurons: int | None
    """N."""
    frames: int | None
    """T: valid frames and padding, of most videos."""
    lengths: Mapping[int, int]
    """Trials by their number of valid frames."""
    tiers: Mapping[str, int]
    """Trials with a video by tier; for `none` its entries in tiers.npy, with a video or without."""
    known: Mapping[str, int]
    """Trials whose responses are there and not withheld, by tier."""
    videos: int
    types: Mapping[str, tuple[str, ...]]
    """The types on disk by kind of array."""
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    remedies: tuple[str, ...]

    @property
    def kind(self) -> Kind:
        """Whether it is one of the competition's old (public) or new (scored) mice."""
        if self.name.endswith(OLD_HASH):
            return "old"
        return "new" if self.name.endswith(NEW_HASH) else "other"

    @property
    def responses(self) -> int:
        """Trials whose responses are known."""
        return sum(self.known.values())


@dataclass(frozen=True)
class DataReport:
    """All sessions of a data set."""

    sessions: list[SessionReport]
    passed_over: tuple[Problem, ...] = ()
    """Folders beside the sessions that are none."""
    stores: tuple[RecordingError, ...] = ()
    """What is damaged in the folders of packed sessions, beside the sessions."""

    @property
    def problems(self) -> list[Problem]:
        """Those of all sessions; equal ones of a session's folder are told once, with their number."""
        in_sessions = [problem for session in self.sessions for problem in session.problems]
        rule = "the groups of films are as they were packed"
        return in_sessions + [Problem("folds", rule, error.message) for error in self.stores]

    @property
    def warnings(self) -> list[Problem]:
        """What works here, but is unusual or stops the organisers' own loader."""
        in_sessions = (warning for session in self.sessions for warning in session.warnings)
        return [*self.passed_over, *in_sessions]

    @property
    def remedy(self) -> str:
        """What to do about the problems, a line each; empty where there are none."""
        lines = [line for session in self.sessions for line in session.remedies]
        return "\n".join(_once([*lines, *(error.remedy for error in self.stores)]))

    @property
    def ok(self) -> bool:
        """Whether every session is sound."""
        return not self.problems


def _once(lines: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(lines))
