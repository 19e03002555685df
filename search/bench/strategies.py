"""One strategy with one seed, in a process of its own: searched, confirmed, averaged, written down.

    <place>/search/         the search, or the fixed configuration's runs
    <place>/submission/     the ensemble's files and its manifest.json
    <place>/outcome.json    what came of it, written last

`default` and `random` begin with the same first configurations and stop weak trials by the same rule.
"""

import sys
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from models.errors import RunError, UserError
from search.bench.averaged import average
from search.bench.fixed import confirm_fixed, train_fixed
from search.bench.outcomes import DEFAULT, FIXED, RANDOM, Outcome, write_outcome
from search.bench.recipe import Quality
from search.bench.timed import FIT, ProcessorLimits, cpu_minutes
from search.cluster import local_ray
from search.confirm.confirmation import Asked, confirm
from search.confirm.confirmed import Confirmation
from search.driver import run_search
from search.plan import Plan, read_plan
from search.resources import Resources
from search.scoreboard import Scoreboard
from search.space import FAMILY

SAMPLERS = {DEFAULT: "auto", RANDOM: "random"}
NAME, SUBMISSION = "search", "submission"
BY_THE_CLOCK = 10
"""Times the minutes that a search may take by the clock: trials that all fail use no processor."""
ONE_THREAD = Resources(slots=1, gpus_per_trial=0, gpus=0, threads=1)


def run_strategy(strategy: str, seed: int, place: Path, data: Path, recipe: Quality) -> Outcome:
    """Everything of one strategy and seed in an empty folder. Raises UserError."""
    place.mkdir(parents=True, exist_ok=True)
    if strategy == FIXED:
        outcome = _fixed(seed, place, data, recipe)
    else:
        outcome = _searched(SAMPLERS[strategy], seed, place, data, recipe)
    write_outcome(place, outcome)
    return outcome


def plan_of(sampler: str, seed: int, place: Path, data: Path, recipe: Quality) -> Plan:
    """The search of a strategy in `place`."""
    hours, runs = BY_THE_CLOCK * recipe.minutes / 60, place / NAME / "runs"
    return Plan(
        name=NAME,
        data=data,
        space=recipe.space,
        overrides=recipe.overrides,
        limits=ProcessorLimits(hours=hours, minutes=recipe.minutes, runs=runs),
        sampler=sampler,
        keep=recipe.top,
        seed=seed,
        floor=False,
        fit=FIT,
    )


def _searched(sampler: str, seed: int, place: Path, data: Path, recipe: Quality) -> Outcome:
    runs = place / NAME / "runs"
    with (place / "output.txt").open("w") as file, local_ray(slots=1, gpus=0):
        console = Console(file=file, width=120)
        board = run_search(plan_of(sampler, seed, place, data, recipe), place, ONE_THREAD, console)
        if board.interrupted and cpu_minutes(runs) < recipe.minutes:
            raise RunError("the search was stopped before its minutes were over", "Run it again.")
        plan = read_plan(place, NAME)
        asked = Asked(recipe.top, ",".join(map(str, recipe.folds)), seeds=1)
        found, stopped = confirm(plan, place, asked, ONE_THREAD, console)
    if stopped:
        raise RunError("confirming was stopped", "Run it again.")
    score, family = best_of(found, board)
    # Not what confirmed them, which are several runs a trial: all strategies average as many.
    best = [runs / str(row.number) for row in board.ranked()[: recipe.top]]
    averaged = average(data, place / SUBMISSION, recipe.top, best)
    return Outcome(
        best_confirmed=score,
        family=family,
        **asdict(averaged),
        trials=sum(board.count(state) for state in ("complete", "pruned", "failed")),
        complete=board.count("complete"),
        cpu_minutes=cpu_minutes(runs),
    )


def best_of(found: Confirmation, board: Scoreboard) -> tuple[float, str]:
    """The confirmed winner's score and family. Raises RunError where every candidate has failed."""
    for one in found.candidates:
        if one.number == found.winner and one.mean is not None:
            return one.mean, board.rows[one.number].family
    raise RunError("no trial could be confirmed", "See confirm/confirm.json in its folder.")


def _fixed(seed: int, place: Path, data: Path, recipe: Quality) -> Outcome:
    folder = place / NAME
    ended, found = train_fixed(recipe, folder, data, seed)
    best = found[: recipe.top]
    runs = [folder / "runs" / str(each.number) for each in best]
    averaged = average(data, place / SUBMISSION, recipe.top, runs)
    return Outcome(
        best_confirmed=confirm_fixed(recipe, folder, data, best, seed),
        family=str(recipe.fixed_flat.get(FAMILY, "")),
        **asdict(averaged),
        trials=ended,
        complete=len(found),
        cpu_minutes=cpu_minutes(folder / "runs"),
    )


def main(strategy: str, seed: str, place: str, data: str, recipe: str) -> None:
    """The process; what a user can mend ends it with one line."""
    asked = Quality.model_validate_json(recipe)
    try:
        run_strategy(strategy, int(seed), Path(place), Path(data), asked)
    except UserError as error:
        sys.exit(error.message)


if __name__ == "__main__":
    main(*sys.argv[1:])
