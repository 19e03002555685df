"""A proposal that is worth training: within the limits, possible, and never tried before.

Optuna is asked again where a proposal is refused; the refused one is a failed trial with its reason.
"""

import contextlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from models.errors import ConfigurationError
from search.attributes import (
    ATTRIBUTE_FLAT,
    ATTRIBUTE_REASON,
    ATTRIBUTE_REFUSED,
    ATTRIBUTE_WARM_FLAT,
)
from search.space import Flat, Space, build, sample

MOST_TRIES = 50
"""Proposals in a row that may be refused before nothing more is asked for."""
TRUSTED = 3
"""Refused proposals after which the next ones are drawn at random: a sampler may insist."""
REPEATED = "was tried already"
TRIED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING)


class Exhausted(Exception):
    """Nothing that may be tried was found; the text says why not."""


def point_key(flat: Mapping[str, Any]) -> str:
    """What two configurations share if and only if they differ in nothing but their seed."""
    return json.dumps({name: flat[name] for name in flat if name != "seed"}, sort_keys=True)


def known_points(study: optuna.Study) -> set[str]:
    """The keys of what was trained to some end or is being trained, taken-over trials among them."""
    trials = study.get_trials(deepcopy=False, states=TRIED)
    attributes = (trial.user_attrs for trial in trials)
    flats = (each.get(ATTRIBUTE_FLAT, each.get(ATTRIBUTE_WARM_FLAT)) for each in attributes)
    return {point_key(flat) for flat in flats if flat is not None}


def propose(
    study: optuna.Study,
    space: Space,
    known: set[str],
    limits_check: Callable[[Flat], str],
    most_tries: int = MOST_TRIES,
) -> tuple[optuna.Trial, Flat]:
    """The next trial and its configuration, without a seed; its key is added to `known`.

    limits_check gives the reason for which a configuration is refused, or ''. Raises Exhausted.
    """
    reasons: list[str] = []
    for tries in range(most_tries):
        with _random(study) if tries >= TRUSTED else contextlib.nullcontext():
            trial = study.ask()
            flat = sample(space, trial)
        reason = _settle(study, trial, flat, known, limits_check)
        if not reason:
            return trial, flat
        reasons.append(reason)
    raise Exhausted(_summary(reasons))


def complete(
    study: optuna.Study,
    frozen: FrozenTrial,
    space: Space,
    known: set[str],
    limits_check: Callable[[Flat], str],
) -> tuple[optuna.Trial, Flat] | None:
    """A trial that a driver was killed over while it was proposed; None if it is refused now.

    What is stored of it stays; the rest is proposed. Its key is added to `known`.
    """
    trial = optuna.Trial(study, frozen._trial_id)
    flat = sample(space, trial)
    return None if _settle(study, trial, flat, known, limits_check) else (trial, flat)


def refusal(flat: Flat, known: set[str], limits_check: Callable[[Flat], str]) -> str:
    """Why a configuration is not trained; '' for one that may be."""
    if point_key(flat) in known:
        return REPEATED
    try:
        build(flat)
    except ConfigurationError as error:
        return f"is no run: {error.problems[0]}"
    return limits_check(flat)


def _settle(
    study: optuna.Study,
    trial: optuna.Trial,
    flat: Flat,
    known: set[str],
    limits_check: Callable[[Flat], str],
) -> str:
    """Make the point known, or close its trial with the reason for which it is refused."""
    reason = refusal(flat, known, limits_check)
    if reason:
        for attribute in (ATTRIBUTE_REFUSED, ATTRIBUTE_REASON):
            trial.set_user_attr(attribute, reason)
        study.tell(trial, state=TrialState.FAIL)
    else:
        known.add(point_key(flat))
    return reason


@contextlib.contextmanager
def _random(study: optuna.Study) -> Iterator[None]:
    """Within it, proposals are drawn at random, others each time."""
    usual = study.sampler
    study.sampler = optuna.samplers.RandomSampler(seed=len(study.get_trials(deepcopy=False)))
    try:
        yield
    finally:
        study.sampler = usual


def _summary(reasons: list[str]) -> str:
    """How often proposals were refused, and for what; the numbers in reasons are those of the last."""
    kinds = {_kind(reason): reason for reason in reasons}
    counts = Counter(map(_kind, reasons))
    shown = [f"{count} x {kinds[kind]}" for kind, count in counts.most_common()]
    return f"{len(reasons)} proposals in a row were refused ({'; '.join(shown)})"


def _kind(reason: str) -> str:
    return "".join(letter for letter in reason if not letter.isdigit() and letter not in ",.")
