"""The end of a training that cannot go on."""


class TrainingFailed(Exception):
    """A training that cannot go on: `reason` says why, `remedy` what to try instead."""

    def __init__(self, reason: str, remedy: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy
