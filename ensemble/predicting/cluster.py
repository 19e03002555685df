"""Ray for a while: a cluster that runs already, or one for this process; refusals in plain words."""

import contextlib
import logging
from collections.abc import Iterator
from typing import Any

import ray
import torch

from ensemble.predicting.workers import Node
from models import clusters
from models.clusters import import_path, quiet
from models.environment import variables
from models.errors import UserError

AUTOMATIC, LOCAL = "auto", "local"
QUIET: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.CRITICAL}
LOGGERS = ("ray", "ray.worker", "ray._private.worker")
ENVIRONMENT = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DEDUP_LOGS": "0"}
START = "Start one with 'ray up cluster.yaml', or give --address local for one on this machine."
JOIN = (
    "Run this on a node of the cluster, with --address auto or the head's HOST:6379, and with "
    "RAY_AUTH_MODE=token where it asks for one."
)


@contextlib.contextmanager
def joined(address: str, cpus: int) -> Iterator[None]:
    """Be a driver at the address, where `local` is a Ray of so many CPUs that ends with the block.

    One that this process has already is used and left alone. Raises UserError where there is no
    cluster, or where it refuses.
    """
    check_address(address)
    if ray.is_initialized():
        yield
        return
    with variables({**ENVIRONMENT, "PYTHONPATH": import_path()}), quiet(LOGGERS):
        try:
            ray.init(address=address, **QUIET, **_arguments(address, cpus))
        except Exception as error:
            raise _refusal(address, error) from error
        try:
            yield
        finally:
            ray.shutdown()


def check_address(address: str) -> None:
    """Raise UserError unless the address is `auto`, `local`, or a HOST:PORT that answers."""
    clusters.check_address(address, (AUTOMATIC, LOCAL), JOIN, START)


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


def _refusal(address: str, error: Exception) -> UserError:
    reason = next(iter(str(error).splitlines()), type(error).__name__)
    if isinstance(error, ConnectionError) and address == AUTOMATIC:
        return UserError("no Ray cluster runs on this machine", START)
    if "Version mismatch" in str(error):
        told = " ".join(str(error).split())
        remedy = "Use the same Python and the same Ray on every node."
        return UserError(f"the Ray cluster at {address} is of other versions: {told}", remedy)
    return UserError(f"cannot join the Ray cluster at {address}: {reason}", JOIN)
