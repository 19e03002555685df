"""Ray for a while: a cluster that runs already, or one for this process."""

import contextlib
import logging
from collections.abc import Iterator
from typing import Any

import ray
import torch

from ensemble.predicting.workers import Node
from models import clusters
from models.clusters import AUTOMATIC, LOCAL, import_path, quiet
from models.environment import variables

QUIET: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.CRITICAL}
LOGGERS = ("ray", "ray.worker", "ray._private.worker")
ENVIRONMENT = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DEDUP_LOGS": "0"}


@contextlib.contextmanager
def joined(address: str, cpus: int) -> Iterator[None]:
    """Be a driver at the address, where `local` is a Ray of so many CPUs that ends with the block.

    One that this process has already is used and left alone. Raises UserError where there is no
    cluster, or where it refuses.
    """
    clusters.check_address(address, (AUTOMATIC, LOCAL))
    if ray.is_initialized():
        yield
        return
    with variables({**ENVIRONMENT, "PYTHONPATH": import_path()}), quiet(LOGGERS):
        arguments = {"address": address, **QUIET, **_arguments(address, cpus)}
        clusters.join(address, lambda: ray.init(**arguments))
        try:
            yield
        finally:
            ray.shutdown()


def nodes() -> list[Node]:
    """The living machines of the cluster."""
    known: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    living = [node["Resources"] for node in known if node["Alive"]]
    return [Node(each.get("CPU", 0.0), each.get("GPU", 0.0)) for each in living]


def _arguments(address: str, cpus: int) -> dict[str, Any]:
    if address != LOCAL:
        # Workers find this code where it lies here, if they have no other.
        return {"runtime_env": {"env_vars": {"PYTHONPATH": import_path()}}}
    gpus = torch.cuda.device_count()
    return {"num_cpus": cpus, "num_gpus": gpus, "include_dashboard": False}
