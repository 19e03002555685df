"""Waiting for what other processes and threads do."""

import time

EVERY = 0.2
"""Seconds between two looks: one may be a command on another machine."""


def wait_until(ready, seconds: float, what):
    """What `ready` gives as soon as it is something.

    Fails after so many seconds, with `what` or what it returns.
    """
    until = time.monotonic() + seconds
    while not (found := ready()):
        assert time.monotonic() < until, what() if callable(what) else what
        time.sleep(EVERY)
    return found
