"""A process that runs a search, or goes on with it, until a test kills it.

python -m tests.search.searching <plan.json> <home>
"""

import sys
from pathlib import Path

from rich.console import Console

from search.driver import resume_search, run_search
from search.plan import Plan, read_plan
from search.resources import Resources


def main(plan: str, home: str) -> None:
    asked = Plan.model_validate_json(Path(plan).read_text())
    resources = Resources(asked.slots, 0, 0, 1)
    console = Console(width=200)
    if (Path(home) / asked.name / "search.json").exists():
        resume_search(read_plan(Path(home), asked.name), Path(home), resources, console)
    else:
        run_search(asked, Path(home), resources, console)


if __name__ == "__main__":
    main(*sys.argv[1:])
