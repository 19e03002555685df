"""How a training ends before its budget: it cannot go on, or it is asked to pause."""


class TrainingPaused(Exception):
    """A training that was asked to pause; its checkpoint holds everything to go on from."""


class TrainingFailed(Exception):
    """A training that cannot go on: `reason` says why, `remedy` what to try instead."""

    def __init__(self, reason: str, remedy: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy
