"""The next proposal of a study with many trials, by our proposer and by plain Optuna.

Each in a fresh process. The same trials lie behind both: ours are in a search's database, plain Optuna
has them in memory, and it proposes values without looking whether they make a run.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import TypeVar

import optuna
from optuna.trial import FrozenTrial, TrialState, create_trial

from models.networks.network import Mouse
from models.recordings.layout import HEIGHT, WIDTH
from models.runs import Status
from search.attributes import ATTRIBUTE_FLAT
from search.reading import load_space
from search.sampler import Proposer, open_study
from search.samplers import make_sampler
from search.signals import Flag
from search.space import Flat, Space, build, draw, sample
from search.trainable import NUMBER
from search.warm import point_of

SPACE = "all"
MICE = [Mouse.of_size(str(index), 7863) for index in range(5)]
PROPOSALS = 10
Asked = TypeVar("Asked")


def ours(past: str) -> float:
    """The median seconds of a proposal, within the limits and never tried before."""
    space = load_space(SPACE)
    with tempfile.TemporaryDirectory() as folder:
        study = open_study(Path(folder), "past")
        study.sampler = make_sampler("auto", space, None, seed=0)
        study.add_trials(trials_of(space, int(past)))

        def check(flat: Flat) -> str:
            return space.limits.broken(build(flat), MICE, (HEIGHT, WIDTH))

        proposer = Proposer(study, space, 0, Path(folder), Flag(), check)

        def propose() -> int:
            return int(proposer.suggest("")[NUMBER])

        def settle(number: int) -> None:
            proposer.report(number, 1, 0.1)
            proposer.tell(number, Status(state="pruned", epoch=1, epochs=2, score=0.1))

        return _median(propose, settle)


def plain(past: str) -> float:
    """The median seconds of `study.ask` and of the suggestions."""
    space = load_space(SPACE)
    study = optuna.create_study(direction="maximize")
    study.sampler = make_sampler("auto", space, None, seed=0)
    study.add_trials(trials_of(space, int(past)))

    def propose() -> optuna.Trial:
        trial = study.ask()
        sample(space, trial)
        return trial

    def settle(trial: optuna.Trial) -> None:
        trial.report(0.1, 1)
        study.tell(trial, state=TrialState.PRUNED)

    return _median(propose, settle)


def trials_of(space: Space, count: int) -> list[FrozenTrial]:
    """Random configurations with random scores, a third of them complete, the others stopped early."""
    random = Random(0)
    return [_trial(space, random, number) for number in range(count)]


def _trial(space: Space, random: Random, number: int) -> FrozenTrial:
    point, score = point_of(space, draw(space, random)), random.uniform(0.1, 0.3)
    complete = number % 3 == 0
    return create_trial(
        state=TrialState.COMPLETE if complete else TrialState.PRUNED,
        value=score if complete else None,
        params=point.params,
        distributions=point.distributions,
        intermediate_values={1: score},
        user_attrs={ATTRIBUTE_FLAT: {"seed": number, **point.flat}},
    )


def _median(propose: Callable[[], Asked], settle: Callable[[Asked], None]) -> float:
    """Of proposals after a first one, each of which is settled before the next."""
    settle(propose())
    times = []
    for _ in range(PROPOSALS):
        began = time.perf_counter()
        asked = propose()
        times.append(time.perf_counter() - began)
        settle(asked)
    return statistics.median(times)
