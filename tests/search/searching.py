"""Processes that run a search, or go on with it, until a test kills them.

They are forked from one that has loaded all libraries, which takes many times as long as the rest of
a start.
"""

import multiprocessing
import os
import sys
import warnings
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from models.runs import TRACKING_VARIABLE
from search import copies
from search.driver import resume_search, run_search
from search.plan import Plan, read_plan
from search.resources import Resources

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload([__name__])


@contextmanager
def driver(plan, home, output, hasty=False):
    """A process that searches, which does not outlive the block; what it prints is added to a file."""
    Path(output).touch()  # which may be read before the process writes to it
    given = (str(plan), str(home), str(output), hasty, dict(os.environ))
    process = FORKS.Process(target=main, args=given)
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join()


def main(plan: str, home: str, output: str, hasty: bool, variables: dict[str, str]) -> None:
    """Begin the search, or go on with it; a hasty one's records are in its store within moments."""
    to_file(output)
    os.environ.clear()
    os.environ.update(variables)
    if hasty:
        copies.EVERY, copies.GONE = 0.2, 2.0
    warnings.simplefilter("ignore")
    os.environ.pop(TRACKING_VARIABLE, None)
    asked = Plan.model_validate_json(Path(plan).read_text())
    resources = Resources(asked.slots, 0, 0, 1)
    console = Console(width=200)
    if (Path(home) / asked.name / "search.json").exists():
        resume_search(read_plan(Path(home), asked.name), Path(home), resources, console)
    else:
        run_search(asked, Path(home), resources, console)


def to_file(output: str) -> None:
    """Let this process and all that it starts print to a file."""
    with Path(output).open("ab") as file:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(file.fileno(), stream.fileno())
