"""Ray for one search: started inside this process and silent, or a cluster that runs already."""

import contextlib
import logging
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import ray

from models.clusters import described, import_path, quiet
from models.environment import variables
from models.errors import UserError
from models.recordings.where import absolute
from search.admission import check_nodes
from search.capacity import cluster_resources, present, promised
from search.doctor.connection import connected
from search.doctor.nodes import RayNodes
from search.plan import Plan
from search.resources import Resources, choose_resources

ENVIRONMENT = {
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "1",  # a task without GPUs sees none
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_DEDUP_LOGS": "0",
    "RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # our own records replace its files for every trial
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # the driver's own stops a search in order
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",  # a failure is a report without a score
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "TUNE_RESULT_BUFFER_LENGTH": "1",
}
T = TypeVar("T")
PATIENCE = 180.0
"""Seconds that the nodes have for an answer: one that has just started loads its libraries first."""
LOGGERS = ("ray", "ray.tune", "ray.train")


def resources_at(
    address: str | None,
    slots: int | None,
    gpus_per_trial: float | None,
    cpus_per_trial: float = 1.0,
) -> Resources:
    """What a search uses of the cluster at this address, or of this machine. Raises UserError."""
    if address is None:
        return choose_resources(slots, gpus_per_trial, cpus_per_trial)
    with variables(ENVIRONMENT), connected(address):
        now, later = present(), promised()
    return cluster_resources(address, now, later, slots, gpus_per_trial, cpus_per_trial)


def resumed_resources(
    address: str | None, plan: Plan, slots: int | None, gpus_per_trial: float | None
) -> Resources:
    """What goes on with a search: as its plan says where nothing else is asked for.

    On a cluster the slots follow the nodes, which come and go.
    """
    if slots is None and address is None:
        slots = plan.slots
    share = plan.gpus_per_trial if gpus_per_trial is None else gpus_per_trial
    return resources_at(address, slots, share, plan.cpus_per_trial)


@contextlib.contextmanager
def ray_for(plan: Plan, home: Path, resources: Resources) -> Iterator[None]:
    """Ray with the slots of a search, on a cluster whose nodes may all train, or on this machine.

    Raises UserError where a node of the cluster may not.
    """
    pending = {"TUNE_MAX_PENDING_TRIALS_PG": str(resources.slots + resources.ahead)}
    if resources.address is None:
        cpus = math.ceil(resources.slots * plan.cpus_per_trial)
        with variables(pending), local_ray(cpus, resources.gpus):
            yield
        return
    with variables({**ENVIRONMENT, **pending}), connected(resources.address, _environment()):
        nodes, data = RayNodes(PATIENCE), absolute(plan.data)
        complete = check_nodes(nodes, home.resolve(), data, plan.store)
        if isinstance(data, str):  # a folder that all see is as near to one as to another
            for name in complete:
                resources.holders.note(nodes.ids[name])
        with quiet(LOGGERS):
            yield


def run_there(address: str, plan: Plan, function: Callable[..., T], *arguments: Any) -> T:
    """What a function returns, or raises, that runs on a slot of a search on a cluster.

    Raises UserError where the cluster has no such slot.
    """
    resources = resources_at(address, None, plan.gpus_per_trial, plan.cpus_per_trial)
    with variables(ENVIRONMENT), connected(address, _environment()):
        task: Any = ray.remote(function)
        task = task.options(
            num_cpus=plan.cpus_per_trial, num_gpus=resources.gpus_per_trial, max_retries=0
        )
        try:
            result: T = ray.get(task.remote(*arguments))
        except ray.exceptions.RayTaskError as error:
            raise error.cause from error
        except ray.exceptions.RayError as error:
            message = f"the worker was lost: {described(error)}"
            raise UserError(message, "Run it again.") from error
    return result


@contextlib.contextmanager
def local_ray(slots: int, gpus: int) -> Iterator[None]:
    """Ray with a CPU for each slot and so many GPUs; one that runs already is used and left alone."""
    with variables(_environment()), quiet(LOGGERS):
        started = not ray.is_initialized()
        if started:
            ray.init(
                address="local",
                num_cpus=slots,
                num_gpus=gpus,
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
        try:
            yield
        finally:
            if started:
                ray.shutdown()


def _environment() -> dict[str, str]:
    """The variables that Ray reads, here and in its workers, which also find our packages."""
    return {**ENVIRONMENT, "PYTHONPATH": import_path()}
