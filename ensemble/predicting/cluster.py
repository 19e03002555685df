"""Ray for a while: a cluster that runs already, or one for this process; refusals in plain words."""

import contextlib
import logging
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ray
import torch

from ensemble.predicting.workers import Node
from models.environment import variables
from models.errors import UserError

AUTOMATIC, LOCAL = "auto", "local"
SECONDS = 5.0
"""For a first sign of life."""
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
    with variables({**ENVIRONMENT, "PYTHONPATH": _import_path()}), _quiet():
        try:
            ray.init(address=address, **QUIET, **_arguments(address, cpus))
        except Exception as error:
            raise _refusal(address, error) from error
        try:
            yield
        finally:
            ray.shutdown()


def check_address(address: str) -> None:
    """Raise UserError unless the address is `auto`, `local`, or a HOST:PORT that answers.

    Ray itself would wait for more than a minute.
    """
    if address in (AUTOMATIC, LOCAL):
        return
    host, colon, port = address.rpartition(":")
    if "/" in address or not (host and colon and port.isdecimal()):
        raise UserError(f"--address is auto, local or HOST:PORT; found '{address}'", JOIN)
    try:
        socket.create_connection((host, int(port)), SECONDS).close()
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(f"no Ray cluster answers at {address}: {reason}", START) from error


def nodes() -> list[Node]:
    """The living machines of the cluster."""
    known: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    living = [node["Resources"] for node in known if node["Alive"]]
    return [Node(each.get("CPU", 0.0), each.get("GPU", 0.0)) for each in living]


def _arguments(address: str, cpus: int) -> dict[str, Any]:
    if address != LOCAL:
        # Workers find this code where it lies here, if they have no other.
        return {"runtime_env": {"env_vars": {"PYTHONPATH": _import_path()}}}
    gpus = torch.cuda.device_count()
    return {"num_cpus": cpus, "num_gpus": gpus, "include_dashboard": False}


def _import_path() -> str:
    root = str(Path(__file__).resolve().parents[2])
    return os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])


def _refusal(address: str, error: Exception) -> UserError:
    reason = next(iter(str(error).splitlines()), type(error).__name__)
    if isinstance(error, ConnectionError) and address == AUTOMATIC:
        return UserError("no Ray cluster runs on this machine", START)
    if "Version mismatch" in str(error):
        told = " ".join(str(error).split())
        remedy = "Use the same Python and the same Ray on every node."
        return UserError(f"the Ray cluster at {address} is of other versions: {told}", remedy)
    return UserError(f"cannot join the Ray cluster at {address}: {reason}", JOIN)


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
