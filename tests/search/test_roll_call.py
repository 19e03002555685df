import time

import pytest
import ray

from models.errors import RunError
from search import admission
from search.doctor.machine import ROOT, Software, code_digest
from search.doctor.nodes import living_nodes
from search.roll_call import RollCall
from search.steps import FAILURE, LEAVING, PAUSED
from search.trainable import check_code

BROKEN = "AcceleratorError: CUDA error: uncorrectable ECC error encountered"


@pytest.fixture
def call(tmp_path, data):
    """A roll call, with what it said and whom it dismissed."""
    said, drained = [], []
    made = RollCall(tmp_path, data, said.append, lambda *drain: drained.append(drain))
    made.said, made.drained = said, drained
    return made


def test_a_node_whose_device_fails_twice_in_a_row_is_avoided_and_reported(call):
    call.note("a", "10.0.0.1", BROKEN)
    call.note("b", "10.0.0.2", "")
    assert not call.drained
    call.note("a", "10.0.0.1", BROKEN)
    call.note("a", "10.0.0.1", BROKEN)
    ((node, reason, seconds),) = call.drained
    assert seconds == 0
    assert node == "a"
    assert "10.0.0.1" in reason
    assert "uncorrectable ECC" in reason
    (said,) = call.said
    assert said == f"a node gets no more trials: {reason}"


def test_a_good_step_in_between_forgives(call):
    for failure in (BROKEN, "", BROKEN, "ValueError: no such", BROKEN):
        call.note("a", "10.0.0.1", failure)
    assert not call.drained


@pytest.mark.parametrize(
    "failure",
    [
        "OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB",
        "AcceleratorError: CUDA error: out of memory",
    ],
)
def test_too_little_memory_is_no_device_error(call, failure):
    for _ in range(3):
        call.note("a", "10.0.0.1", failure)
    assert not call.drained


def test_a_node_that_the_cloud_takes_away_has_time_for_its_checkpoints(call):
    for _ in range(2):
        call.hear({"node": "a", "node_ip": "10.0.0.1", PAUSED: True, LEAVING: True})
    ((node, reason, seconds),) = call.drained
    assert (node, reason) == ("a", "10.0.0.1: the cloud takes it away")
    assert 60 <= seconds < 120


def test_results_without_a_notice_count_as_steps(call):
    for _ in range(2):
        call.hear({"node": "a", "node_ip": "10.0.0.1", FAILURE: BROKEN})
    assert len(call.drained) == 1


def hear(call):
    """Tick until every node has answered."""
    until = time.monotonic() + 300
    while not call._known or call._asked:
        call._due = 0.0
        call.tick()
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_node_like_the_driver_is_left_alone(call, two_slots):  # noqa: ARG001
    hear(call)
    assert not call.drained
    assert call._known == {node["NodeID"] for node in living_nodes()}


def test_a_node_with_other_code_is_dismissed(call, two_slots, monkeypatch):  # noqa: ARG001
    newer = Software({"code": "0badc0de"}, "c0ffee")
    monkeypatch.setattr(admission, "software", lambda: newer)
    hear(call)
    ((node, reason, seconds),) = call.drained
    assert seconds == 0
    assert node == ray.get_runtime_context().get_node_id()
    assert "(here 0badc0de)" in reason
    assert "Bring it to commit c0ffee" in reason


def test_a_worker_refuses_to_train_with_other_code():
    check_code("")
    check_code(code_digest(ROOT))
    with pytest.raises(RunError, match="the driver 0badc0de"):
        check_code("0badc0de")
