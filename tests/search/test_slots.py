"""Which trial a worker that is free takes on: none that has a worker coming."""

from types import SimpleNamespace

import pytest

from search.stopping import Stopping
from search.trainable import NUMBER


def tune_with(*statuses):
    """A controller whose live trials, numbered from 0, are in these states."""
    live = [
        SimpleNamespace(
            config={NUMBER: number}, status=status, PENDING="PENDING", RUNNING="RUNNING"
        )
        for number, status in enumerate(statuses)
    ]
    return SimpleNamespace(get_live_trials=lambda: live[::-1])


@pytest.mark.parametrize(
    ("statuses", "slots", "chosen"),
    [
        (["PENDING"] * 3, 2, 1),  # 0 waits for a worker that starts; another one is free
        (["RUNNING", "PENDING", "PENDING"], 2, 1),  # both slots have workers
        (["RUNNING", "PENDING", "RUNNING"], 2, 1),
        (["PENDING"], 2, 0),  # nobody else wants the free one
        (["PENDING"] * 4, 4, 3),
        (["RUNNING", "RUNNING"], 2, None),
        (["PENDING"] * 3, None, 0),  # nodes come and go
        ([], 2, None),
    ],
)
def test_a_free_worker_goes_to_a_trial_that_has_none_coming(statuses, slots, chosen):
    found = Stopping(lambda *_: False, slots).choose_trial_to_run(tune_with(*statuses))
    assert (None if found is None else found.config[NUMBER]) == chosen
