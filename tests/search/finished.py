"""Writes searches that have ended, or still run, without training anything and without Ray."""

import numpy as np
import optuna

from models.runs import FLOOR_RUN, SCORE, TRAIN_LOSS, MouseRecord, RunFolder, Status, new_record
from search.attributes import (
    ATTRIBUTE_FLAT,
    ATTRIBUTE_FOLDER,
    ATTRIBUTE_PARAMETERS,
    ATTRIBUTE_REASON,
    ATTRIBUTE_SECONDS,
)
from search.limits import Limits
from search.objectives import costs_of, directions, values_of
from search.plan import Plan, write_plan
from search.reading import load_space
from search.recorded import recorded
from search.sampler import STATES, open_study, trial_seed
from search.space import build, floor_flat, sample

SECONDS = 36.0
"""Of an epoch."""
OUTCOMES = ("complete", "pruned", "complete", "failed", "complete", "pruned", "pruned", "complete")
MANY = (*OUTCOMES, *["complete"] * 24)
REASON = "RuntimeError: <script>alert('{number}')</script> tried to allocate {number}.5 GiB"


def write_search(home, name="done", outcomes=OUTCOMES, space="demo", **asked):
    """A search whose trials ended in these ways, in the order of their numbers."""
    folder, found = home / name, load_space(space)
    folder.mkdir(parents=True)
    plan = Plan(
        name=name,
        data=home / "data",
        space=space,
        limits=Limits(trials=len(outcomes)),
        recorded=recorded(found),
        created="2026-08-01T10:00:00+00:00",
        **{"ended": "2026-08-01T20:30:00+00:00", **asked},
    )
    write_plan(folder, plan)
    record = new_record(build({}), [MouseRecord(name="m", unit_ids=[1])], (36, 64), home, "print")
    study = optuna.create_study(
        sampler=optuna.samplers.RandomSampler(seed=plan.seed),
        directions=directions(plan.objectives),
    )
    for outcome in outcomes:
        trial = study.ask()
        flat = {"seed": trial_seed(plan.seed, trial.number), **sample(found, trial)}
        run = RunFolder(folder / "runs" / str(trial.number))
        trial.set_user_attr(ATTRIBUTE_FOLDER, str(run.path))
        trial.set_user_attr(ATTRIBUTE_FLAT, flat)
        run.create(record.model_copy(update={"config": build(flat)}))
        if len(plan.objectives) > 1:
            trial.set_user_attr(ATTRIBUTE_PARAMETERS, parameters_of(flat))
            trial.set_user_attr(ATTRIBUTE_SECONDS, {"1": SECONDS + trial.number})
        end(study, trial, run, outcome, train(trial, run, flat, outcome), plan.objectives)
    open_study(folder, name, plan.objectives).add_trials(study.trials)
    write_floor(folder, found, record)
    return plan


def parameters_of(flat):
    """A count between a thousand and a million: what scores better is often larger."""
    return int(1e7 * flat["training.learning_rate"])


def curve(flat, epochs):
    """Scores that depend on the parameters, epoch by epoch."""
    noise = np.random.default_rng(flat["seed"]).normal(0, 0.004, epochs)
    best = {"dwiseneuro": 0.2, "motion_energy": 0.19}.get(flat["network.family"], 0.12)
    rate, decay = np.log10(flat["training.learning_rate"]), np.log10(flat["training.weight_decay"])
    best -= 0.05 * (rate + 2.4) ** 2 + 0.01 * (decay + 0.5) ** 2
    return best * (1 - np.exp(-np.arange(1, epochs + 1) / 2)) + noise


def train(trial, run, flat, outcome):
    """Write the epochs of a trial into its study and its run; gives the status it has then."""
    full = build(flat).training.epochs
    epochs = {"complete": full, "pruned": 3, "failed": trial.number % 3, "running": 2}[outcome]
    scores = [float(score) for score in curve(flat, epochs)]
    for epoch, score in enumerate(scores, 1):
        trial.storage.set_trial_intermediate_value(trial._trial_id, epoch, score)
    run.write_metrics([line(epoch, score) for epoch, score in enumerate(scores, 1)])
    return epochs, full, scores[-1] if scores else None


def line(epoch, score):
    return {"epoch": epoch, SCORE: score, TRAIN_LOSS: 1 / epoch, "seconds": SECONDS}


def end(study, trial, run, outcome, trained, objectives):
    """Close a trial as search/recorder.py does; one that is running stays open."""
    if outcome == "running":
        return
    epoch, epochs, score = trained
    reason = {"failed": REASON.format(number=trial.number), "pruned": "among the weaker ones"}
    reason = reason.get(outcome, "")
    run.end(Status(state=outcome, epoch=epoch, epochs=epochs, score=score, reason=reason))
    if reason:
        trial.set_user_attr(ATTRIBUTE_REASON, reason)
    values = values_of(objectives, score, costs_of(trial.user_attrs))
    study.tell(trial, values if outcome == "complete" else None, state=STATES[outcome])


def write_floor(folder, space, record):
    """The floor, complete with a score of 0.0654."""
    run = RunFolder(folder / FLOOR_RUN)
    run.create(record.model_copy(update={"config": build(floor_flat(space))}))
    run.write_metrics([line(1, 0.05), line(2, 0.0654)])
    run.end(Status(state="complete", epoch=2, epochs=2, score=0.0654))
