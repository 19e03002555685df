"""A connection to a Ray cluster that runs already."""

import contextlib
import logging
import os
from collections.abc import Iterator, Mapping

import ray

from models import clusters

USAGE = "RAY_USAGE_STATS_ENABLED"


@contextlib.contextmanager
def connected(address: str, variables: Mapping[str, str] | None = None) -> Iterator[None]:
    """Be a driver of the cluster; one that this process has already is used and left alone.

    `variables` are set in the environment of the workers.
    Raises UserError where there is no cluster, or where it refuses.
    """
    clusters.check_address(address)
    if ray.is_initialized():
        yield
        return
    os.environ.setdefault(USAGE, "0")
    clusters.join(
        address,
        lambda: ray.init(
            address=address,
            runtime_env={"env_vars": dict(variables or {})},
            log_to_driver=False,
            logging_level=logging.CRITICAL,
        ),
    )
    try:
        yield
    finally:
        ray.shutdown()
