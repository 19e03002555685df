"""Workers that are killed while they make a part."""

import os
import signal

from ensemble.predicting.worker import Worker

ALWAYS = "live_test_bonus"
"""The tier of the part that kills its worker every time."""
MARK = "died"


class DyingOnce(Worker):
    """The first part of all kills its worker, once."""

    def make(self, part):
        """Make it, unless this is the first."""
        try:
            (self._maker.job.parts.parent / MARK).touch(exist_ok=False)
        except FileExistsError:
            return super().make(part)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError


class Dying(Worker):
    """A part that kills its worker every time."""

    def make(self, part):
        """Make it, unless it is one of these."""
        if part.tier == ALWAYS:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().make(part)
