"""What both rooms that use a Ray cluster need: addresses, import path, silence, refusals in plain words.

Without Ray: this room does not know it.
"""

import contextlib
import logging
import os
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from models.errors import UserError

AUTOMATIC, LOCAL = "auto", "local"
"""Addresses: of a cluster of which this machine is a node, and of a Ray for this process alone."""
SECONDS = 5.0
"""For a first sign of life."""
REFUSED = "InvalidAuthToken"
NO_TOKEN = "AuthenticationError"
"""The name of Ray's exception where a token is asked for and this machine has none."""
START = "Start one with 'ray up cluster.yaml', or leave --address out to use this machine alone."
JOIN = "Run this on a node of the cluster, with --address auto or the head's HOST:6379."
TOKEN = "Set RAY_AUTH_MODE=token for this command, and put the head's ~/.ray/auth_token on this machine."
INSTALL = "Use the same Python and the same Ray on every node: pip install -e . in one environment."


def check_address(address: str, words: Sequence[str] = (AUTOMATIC,)) -> None:
    """Raise UserError unless the address is one of these words, or a HOST:PORT that answers.

    Ray itself would wait for more than a minute.
    """
    if address in words:
        return
    host, colon, port = address.rpartition(":")
    if "/" in address or not (host and colon and port.isdecimal()):
        known = f"{', '.join(words)} or HOST:PORT"
        raise UserError(f"--address is {known}; found '{address}'", JOIN)
    try:
        socket.create_connection((host, int(port)), SECONDS).close()
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(f"no Ray cluster answers at {address}: {reason}", START) from error


def join(address: str, begin: Callable[[], object]) -> None:
    """Call `begin`, which makes this process a driver at the address. UserError for what it raises.

    What Ray's own code writes to standard error, which alone says why it was refused, is read and kept
    from the user.
    """
    with _captured_errors() as printed:
        try:
            begin()
        except Exception as error:
            raise refusal(address, error, printed.read_text(errors="replace")) from error


def refusal(address: str, error: Exception, printed: str) -> UserError:
    """What an exception of `ray.init` means; `printed` is what Ray wrote beside it."""
    if NO_TOKEN in {kind.__name__ for kind in type(error).__mro__}:
        return UserError("Ray asks for a token, and this machine has none", TOKEN)
    if REFUSED in printed or REFUSED in str(error):
        return UserError(f"the Ray cluster at {address} refuses this command's token", TOKEN)
    if "Version mismatch" in str(error):
        found = " ".join(str(error).split())
        return UserError(f"the Ray cluster at {address} is of other versions: {found}", INSTALL)
    if isinstance(error, ConnectionError) and address == AUTOMATIC:
        return UserError("no Ray cluster runs on this machine", START)
    return UserError(f"cannot join the Ray cluster at {address}: {described(error)}", JOIN)


def described(error: BaseException) -> str:
    """The kind of an exception and the first line of what it says."""
    first = next(iter(str(error).strip().splitlines()), "").strip()
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def import_path() -> str:
    """PYTHONPATH by which workers find this code where it lies here, before what it was."""
    root = str(Path(__file__).resolve().parents[1])
    return os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])


@contextlib.contextmanager
def quiet(loggers: Sequence[str]) -> Iterator[None]:
    """Let these loggers say nothing below CRITICAL for a while."""
    levels = {name: logging.getLogger(name).level for name in loggers}
    for name in loggers:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


@contextlib.contextmanager
def _captured_errors() -> Iterator[Path]:
    """The file that takes, until the block ends, what is written to standard error."""
    sys.stderr.flush()
    before = os.dup(2)
    with tempfile.NamedTemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            yield Path(file.name)
        finally:
            os.dup2(before, 2)
            os.close(before)
