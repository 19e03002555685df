import dataclasses

import pytest

from search.doctor import compare, devices
from search.doctor.gpus import Gpu, Gpus
from search.doctor.lines import Finding
from search.doctor.machine import Machine, Software
from search.doctor.nodes import Answer, of_members
from search.doctor.recordings import Recordings

SOFTWARE = Software({"python": "3.11", "torch": "2.13", "code": "aa"}, "c0ffee")
GOOD = Machine(
    software=SOFTWARE,
    cores=8,
    memory=64e9,
    shared_memory=32e9,
    home=900e9,
    temporary=90e9,
    temporary_folder="/tmp",
    gpus=Gpus(),
    recordings=Recordings("f1", mice=2, packed=2),
)
H100 = Gpu("H100", memory=80_000_000_000, free=79_000_000_000, capability="9.0")


def two(**changed):
    """A sound node, and one that differs."""
    return {"a": GOOD, "b": dataclasses.replace(GOOD, **changed)}


def states(findings):
    return [finding.state for finding in findings]


def test_sound_nodes_are_one_line_a_rule():
    pair = two()
    for found in (
        compare.versions(SOFTWARE, pair),
        compare.data("/data", pair),
        compare.clocks({"a": 0.0, "b": -1.9}),
        compare.cores(pair),
    ):
        assert states(found) == ["ok"]
        assert "2 nodes" in found[0].found
    assert states(compare.disks("/home", pair)) == states(compare.memory(pair)) == ["ok", "ok"]


def test_another_version_names_node_package_and_both_versions():
    other = Software({"python": "3.11", "torch": "2.12", "code": "bb"}, "badcafe")
    (found,) = compare.versions(SOFTWARE, two(software=other))
    assert found.state == "problem"
    assert found.found.startswith("b has code bb (here aa), torch 2.12 (here 2.13)")
    assert "badcafe" in found.found
    assert "c0ffee" in found.remedy
    missing = Software({"python": "3.11", "code": "aa"}, "c0ffee")
    (found,) = compare.versions(SOFTWARE, two(software=missing))
    assert "torch missing (here 2.13)" in found.found


def test_other_or_missing_recordings_are_a_problem_of_their_node():
    (found,) = compare.data("/data", two(recordings=Recordings("f2", 2, 2)))
    assert (found.state, found.found) == ("problem", "b: fingerprint f2, elsewhere f1")
    lost = Recordings(failure="there is no folder /data", remedy="Give it.")
    (found,) = compare.data("/data", two(recordings=lost))
    assert found == Finding("data", "problem", "b: there is no folder /data", "Give it.")
    (found,) = compare.data("/data", two(recordings=Recordings("f1", 2, 1)))
    assert found.state == "warning"
    assert found.found.endswith("not all packed on b")
    assert "python -m models pack /data" in found.remedy


def test_clocks_that_differ_by_more_than_two_seconds_are_a_problem():
    late, early = compare.clocks({"a": 0.0, "b": -2.1, "c": 7.0})
    assert states([late, early]) == ["problem", "problem"]
    assert (late.found, early.found) == ("b is 2.1 s behind", "c is 7.0 s ahead")
    assert compare.clocks({}) == []


@pytest.mark.parametrize(
    ("free", "state"), [(0.9e9, "problem"), (1.1e9, "warning"), (9.9e9, "warning"), (10.1e9, "ok")]
)
def test_little_room_on_a_disk(free, state):
    found = compare.disks("/home", {"this machine": dataclasses.replace(GOOD, home=free)})
    assert states(found) == [state, "ok"]
    assert "free at /home" in found[0].found


def test_room_that_a_node_does_not_tell_is_no_problem():
    found = compare.memory(two(shared_memory=float("nan"), memory=0.5e9))
    assert states(found) == ["problem", "ok", "ok"]
    assert "on b" in found[0].found
    assert "1 node" in found[2].found


def test_nodes_without_an_answer_are_named():
    late, good = compare.answers({"b": "no answer in 60 seconds"}, 2, "2 nodes with 8 cores")
    assert (late.state, late.found) == ("problem", "b: no answer in 60 seconds")
    assert "1 of them" in good.found
    (bare,) = compare.answers({"b": "ModuleNotFoundError: No module named 'search'"}, 1, "1 node")
    assert "pip install -e ." in bare.remedy


def test_a_node_that_is_lost_while_it_is_asked_is_left_out():
    answers = [Answer("a", 1), Answer("b", None, "gone"), Answer("c", None, "broken")]
    ids = {"a": "id-a", "b": "id-b", "c": "id-c"}
    assert of_members(answers, ids, ["id-a", "id-c"]) == [answers[0], answers[2]]


def test_gpus_are_described_and_what_is_wrong_with_them_is_named():
    broken = dataclasses.replace(H100, failure="RuntimeError: no kernel image")
    crowded = dataclasses.replace(H100, free=1_000_000_000)
    seen = Gpus((H100, H100), listed=2, driver="570.1")
    (good,) = devices.gpus({"this machine": seen}, {})
    assert good.state == "ok"
    assert good.found.startswith("2 x H100, 80.0 GB, capability 9.0")
    found = devices.gpus({"this machine": Gpus((H100, broken, crowded))}, {})
    assert states(found) == ["problem", "ok", "warning"]
    assert "GPU 1 (H100) fails: RuntimeError: no kernel image" in found[0].found
    (none,) = devices.gpus({"this machine": Gpus()}, {})
    assert (none.state, none.found) == ("warning", "no GPU: trials train on CPU cores")
    assert states(devices.gpus({"this machine": Gpus((), 1, "1")}, {})) == ["problem"]
    assert not devices.gpus({"this machine": Gpus((), 1, "1", restricted=True)}, {})
    found = devices.gpus({"a": Gpus(), "b": seen}, {"a": 1.0, "b": 2.0})
    assert states(found) == ["problem", "ok"]
    assert "a: GPUs that Ray counts: 1, that torch sees: 0" in found[0].found
