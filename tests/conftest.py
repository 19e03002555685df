"""What holds for all tests: they wait neither for the garbage collector nor behind one another."""

import gc
import os
import signal

import pytest

os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112 - Ray's own spelling
"""Ray's workers would have a thirtieth of a core that another test keeps busy."""


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell without job control has its background jobs ignore Ctrl-C, which tests send.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish():
    """Look no more through what is imported: with all rooms loaded that takes seconds each time."""
    gc.freeze()


@pytest.fixture(scope="module", autouse=True)
def _kept_small():
    """Nor through what earlier modules have left."""
    yield
    gc.collect()
    gc.freeze()
