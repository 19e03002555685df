"""A connection to a Ray cluster that runs already; its refusals in plain words."""

import contextlib
import logging
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping

import ray

from models import clusters
from models.errors import UserError
from search.doctor.lines import described

AUTOMATIC = "auto"
REFUSED = "InvalidAuthToken"
USAGE = "RAY_USAGE_STATS_ENABLED"
START = "Start one with 'ray up cluster.yaml', or leave --address out to check this machine alone."
TOKEN = "Set RAY_AUTH_MODE=token for this command, and put the head's ~/.ray/auth_token on this machine."
INSTALL = "Use the same Python and the same Ray on every node: pip install -e . in one environment."
HEAD = "Run this on a node of the cluster, with --address auto or the head's HOST:6379."


@contextlib.contextmanager
def connected(address: str, variables: Mapping[str, str] | None = None) -> Iterator[None]:
    """Be a driver of the cluster; one that this process has already is used and left alone.

    `variables` are set in the environment of the workers.
    Raises UserError where there is no cluster, or where it refuses.
    """
    check_address(address)
    if ray.is_initialized():
        yield
        return
    os.environ.setdefault(USAGE, "0")
    runtime = {"env_vars": dict(variables or {})}
    with _captured_errors() as errors:
        try:
            ray.init(
                address=address,
                runtime_env=runtime,
                log_to_driver=False,
                logging_level=logging.CRITICAL,
            )
        except Exception as error:
            raise refusal(address, error, errors.text()) from error
    try:
        yield
    finally:
        ray.shutdown()


def check_address(address: str) -> None:
    """Raise UserError unless the address is `auto`, or a HOST:PORT that answers."""
    clusters.check_address(address, (AUTOMATIC,), HEAD, START)


def refusal(address: str, error: Exception, printed: str) -> UserError:
    """What an exception of `ray.init` means; `printed` is what Ray wrote beside it."""
    if isinstance(error, ray.exceptions.AuthenticationError):
        return UserError("Ray asks for a token, and this machine has none", TOKEN)
    if REFUSED in printed:
        return UserError(f"the Ray cluster at {address} refuses this command's token", TOKEN)
    if "Version mismatch" in str(error):
        found = " ".join(str(error).split())
        return UserError(f"the Ray cluster at {address} is of other versions: {found}", INSTALL)
    if isinstance(error, ConnectionError) and address == AUTOMATIC:
        return UserError("no Ray cluster runs on this machine", START)
    return UserError(f"cannot join the Ray cluster at {address}: {described(error)}", HEAD)


class _Errors:
    def __init__(self, name: str) -> None:
        self._name = name

    def text(self) -> str:
        """What was written so far."""
        with open(self._name, errors="replace") as file:  # noqa: PTH123
            return file.read()


@contextlib.contextmanager
def _captured_errors() -> Iterator[_Errors]:
    """Keep what Ray's own code writes to standard error, which alone says why it was refused."""
    sys.stderr.flush()
    before = os.dup(2)
    with tempfile.NamedTemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            yield _Errors(file.name)
        finally:
            os.dup2(before, 2)
            os.close(before)
