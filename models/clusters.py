"""What both rooms that use a Ray cluster need before Ray is asked: addresses, import path, silence.

Without Ray: this room does not know it.
"""

import contextlib
import logging
import os
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path

from models.errors import UserError

SECONDS = 5.0
"""For a first sign of life."""


def check_address(address: str, words: Sequence[str], join: str, start: str) -> None:
    """Raise UserError unless the address is one of these words, or a HOST:PORT that answers.

    Ray itself would wait for more than a minute. `join` is the remedy for what is no address, `start`
    for one at which nothing answers.
    """
    if address in words:
        return
    host, colon, port = address.rpartition(":")
    if "/" in address or not (host and colon and port.isdecimal()):
        known = f"{', '.join(words)} or HOST:PORT"
        raise UserError(f"--address is {known}; found '{address}'", join)
    try:
        socket.create_connection((host, int(port)), SECONDS).close()
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(f"no Ray cluster answers at {address}: {reason}", start) from error


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
