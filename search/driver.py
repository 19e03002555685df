"""One search from its checks to its end, and from where it stood when it is resumed."""

from pathlib import Path
from typing import Any

from rich.console import Console

from models.bringing import note_store
from models.fetching import fetched
from models.recordings.data_set import open_sessions
from models.recordings.session import fingerprint
from models.remote import Remote
from search import checks
from search.alone import alone
from search.cluster import ray_for
from search.copies import check_new
from search.mlflow_store import Store
from search.plan import Plan, now, read_plan, store_uri, write_plan
from search.reading import parse_space
from search.recorded import recorded
from search.resources import Resources
from search.running import Search
from search.scoreboard import Scoreboard
from search.space import Space
from search.stopping import check_stopping


def run_search(plan: Plan, home: Path, resources: Resources, console: Console) -> Scoreboard:
    """Run a search to its end, or to Ctrl-C, and say how it stands then. Raises UserError."""
    space = _check(plan, home, console)
    folder = (home / plan.name).resolve()
    mark = fingerprint(open_sessions(fetched(plan.data)))
    known = {"recorded": recorded(space), "fingerprint": mark}
    plan = plan.model_copy(update={**known, "folder": folder, "threads": resources.threads})
    with ray_for(plan, home, resources):
        folder.mkdir(parents=True)
        write_plan(folder, plan)
        _note_store(folder, plan)
        with alone(folder):
            return _drive(Search(plan, folder, space, resources, console), begun=False)


def resume_search(plan: Plan, home: Path, resources: Resources, console: Console) -> Scoreboard:
    """Go on with a search from where its folder says it is, under a plan with other limits perhaps.

    Raises UserError where a driver of the search is at work, or where nothing is left to do.
    """
    folder = (home / plan.name).resolve()
    before = read_plan(home, plan.name)
    space = parse_space(plan.recorded, f"{folder}/search.json")
    checks.check_limits(plan.limits, plan.gpus_per_trial)
    checks.check_same_data(plan)
    with alone(folder), ray_for(plan, home, resources):
        moved = before.folder != folder
        plan = plan.model_copy(update={"folder": folder, "ended": None, "reason": ""})
        write_plan(folder, plan)
        _note_store(folder, plan)
        return _drive(Search(plan, folder, space, resources, console), begun=True, moved=moved)


def _drive(search: Search, begun: bool, moved: bool = False) -> Scoreboard:
    try:
        search.run(begun, moved)
    finally:
        update = {"ended": now(), "reason": search.board.ended}
        write_plan(search.folder, search.plan.model_copy(update=update))
        search.copies.close()
    return search.board


def _note_store(folder: Path, plan: Plan) -> None:
    if plan.store:
        note_store(folder, Remote.parse(store_uri(plan)))


def _check(plan: Plan, home: Path, console: Console) -> Space:
    """Look at everything that a search needs before it starts; UserError with all that is missing."""
    found: dict[str, Any] = {}

    def space() -> None:
        found["space"] = checks.prepare_space(plan.space, plan.overrides)

    checks.run_all(
        lambda: checks.check_name(home, plan.name),
        lambda: check_new(plan),
        lambda: checks.check_limits(plan.limits, plan.gpus_per_trial),
        lambda: checks.check_data(plan.data),
        space,
        lambda: checks.check_proposing(home, plan, found.get("space")),
        lambda: check_stopping(plan, found.get("space")),
    )
    checks.check_tracking(Store(home, plan.name), console.print)
    result: Space = found["space"]
    return result
