"""Why trials failed, grouped by reason."""

import re
from collections.abc import Sequence

from models.pages import Block, Note, Table
from search.report.history import History, Trial

NUMBER = re.compile(r"\d+(\.\d+)?")
UNKNOWN = "no reason was recorded"


def failures(history: History) -> list[Block]:
    """A row a reason, the most frequent first."""
    groups = by_reason(history.trials)
    if not groups:
        return [Note("No trial has failed.")]
    rows = [
        [
            trials[0].reason or UNKNOWN,
            str(len(trials)),
            ", ".join(str(each.number) for each in trials),
        ]
        for trials in groups
    ]
    columns = ("reason of the first", "trials", "which")
    note = "Reasons that differ only in their numbers are counted as one."
    return [Note(note), Table(columns, rows, left=1, words=1, wide=[0, 2])]


def by_reason(trials: Sequence[Trial]) -> list[list[Trial]]:
    """Failed trials with the same reason but for its numbers, the largest group first."""
    groups: dict[str, list[Trial]] = {}
    for trial in trials:
        if trial.state == "failed":
            groups.setdefault(NUMBER.sub("#", trial.reason), []).append(trial)
    return sorted(groups.values(), key=len, reverse=True)
