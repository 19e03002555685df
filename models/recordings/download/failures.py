"""What can go wrong with one session while the others go on, and what only interrupts it."""

from models.errors import Problem, UserError


class SessionFailure(UserError):
    """A session that cannot be had in this download: the rule that is broken, and what was found."""

    def __init__(self, rule: str, found: str) -> None:
        super().__init__(f"{rule}; found {found}")
        self.rule = rule
        self.found = found


class TryAgain(Exception):
    """What may pass: a connection that broke, a server that is busy."""

    def __init__(self, reason: str, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.wait = wait
        """Seconds that the server asks to be left alone."""


class Damaged(Exception):
    """A zip whose content does not agree with its own checksums or directory."""


class Stopped(Exception):
    """The download ends; raised in the workers, for nobody to see."""


def problem_of(session: str, error: UserError) -> Problem:
    """What happened to a session, for the list of all problems."""
    if isinstance(error, SessionFailure):
        return Problem(session, error.rule, error.found)
    return Problem(session, "must be kept on the disk", error.message)
