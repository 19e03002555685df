"""Ray, started inside this process for one search, and silent."""

import contextlib
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import ray

from search.environment import variables

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
LOGGERS = ("ray", "ray.tune", "ray.train")


@contextlib.contextmanager
def local_ray(slots: int, gpus: int) -> Iterator[None]:
    """Ray with a CPU for each slot and so many GPUs; one that runs already is used and left alone."""
    with variables(_environment()), _quiet():
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
    root = str(Path(__file__).resolve().parent.parent)
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**ENVIRONMENT, "PYTHONPATH": os.pathsep.join(paths)}


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    levels = {name: logging.getLogger(name).level for name in LOGGERS}
    for name in LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
