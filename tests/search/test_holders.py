"""Which node a worker starts on: of those that have the recordings, one that has room."""

import pickle

import pytest
from ray import tune

from search import holders as module
from search import share as share_module
from search.holders import Holders
from search.share import Share

SLOT = {"CPU": 1.0}
NODE = "5a" * 28
"""An id as Ray's are."""


def free(**nodes):
    """What nodes have left: CPUs, or a pair of CPUs and GPUs."""
    pairs = {name: left if isinstance(left, tuple) else (left, 0) for name, left in nodes.items()}
    return {name: {"CPU": float(cpus), "GPU": float(gpus)} for name, (cpus, gpus) in pairs.items()}


def holders(known, **nodes):
    """Nodes named in `known` have the recordings, of a cluster with so much left."""
    made = Holders(lambda: free(**nodes))
    for name in known:
        made.note(name)
    return made


def chosen(made, times=1, need=SLOT):
    return [made.choose(need) for _ in range(times)]


def test_while_nobody_has_the_recordings_ray_is_not_even_asked():
    def never():
        raise AssertionError

    assert Holders(never).choose(SLOT) is None


def test_a_worker_starts_where_the_recordings_are_and_elsewhere_only_once_that_is_full():
    assert chosen(holders("b", a=9, b=2, c=9), 3) == ["b", "b", None]


def test_of_several_the_fullest_is_taken_so_that_others_may_go():
    assert chosen(holders("abc", a=3, b=1, c=2), 4) == ["b", "c", "c", "a"]
    assert chosen(holders("ab", a=(2, 2), b=(8, 1)), 2, {"CPU": 1.0, "GPU": 1.0}) == ["b", "a"]


@pytest.mark.parametrize(
    ("left", "need", "fits"),
    [
        ((1, 0), {"CPU": 1.0}, True),
        ((0, 0), {"CPU": 1.0}, False),
        ((0.1 + 0.2 - 0.3, 1), {"GPU": 1.0}, True),
        ((4, 0.5), {"CPU": 1.0, "GPU": 1.0}, False),
        ((0.99999999999, 1), {"CPU": 1.0}, True),  # Ray's own rounding
        ((4, 4), {"CPU": 1.0, "disk": 1.0}, False),
    ],
)
def test_all_that_a_worker_needs_must_be_left(left, need, fits):
    assert (holders("a", a=left).choose(need) == "a") is fits


def test_a_node_that_is_gone_is_not_chosen():
    assert chosen(holders("ab", b=1), 2) == ["b", None]


def test_a_node_that_gets_no_more_trials_is_not_chosen_whatever_it_fetches():
    made = holders("ab", a=1, b=2)
    made.drop("a")
    made.note("a")
    assert chosen(made, 3) == ["b", "b", None]


def test_what_ray_says_is_asked_again_once_it_is_old(monkeypatch):
    now, nodes = [0.0], free(a=1)
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    made = Holders(lambda: nodes)
    made.note("a")
    assert chosen(made, 2) == ["a", None]
    assert nodes == free(a=1), "what Ray said is not changed"
    now[0] += module.EVERY
    assert chosen(made, 2) == ["a", None]


def test_a_ray_that_does_not_tell_leaves_the_choice_to_itself(monkeypatch):
    monkeypatch.delattr("ray._private.state.available_resources_per_node")
    made = Holders()
    made.note("a")
    assert made.choose(SLOT) is None


def test_a_copy_in_this_process_is_the_same_and_one_elsewhere_knows_nobody(monkeypatch):
    made = holders("a", a=1)
    share = Share(1, 0, made)
    assert pickle.loads(pickle.dumps(share)).holders is made
    monkeypatch.setattr(module, "_LIVING", {})
    assert pickle.loads(pickle.dumps(made)).choose(SLOT) is None


def test_shares_are_equal_by_their_size_as_tune_s_own_are():
    one, other = Share(1, 0.5, Holders()), Share(1, 0.5, holders("a", a=1))
    assert one == other == pickle.loads(pickle.dumps(one))
    assert hash(one) == hash(other)
    assert one == tune.PlacementGroupFactory([{"CPU": 1, "GPU": 0.5}])
    assert one != Share(1, 1, Holders())


@pytest.fixture
def groups(monkeypatch):
    """What Ray is asked for."""
    asked = []

    def placement_group(bundles, strategy="PACK", _soft_target_node_id=None):
        asked.append((bundles, strategy, _soft_target_node_id))

    monkeypatch.setattr(share_module, "placement_group", placement_group)
    return asked


def test_a_group_is_asked_for_near_the_recordings_and_then_anywhere(groups):
    share = Share(1, 0, holders("a", a=1))
    for _ in range(2):
        share.to_placement_group()
    assert groups == [([SLOT], "STRICT_PACK", "a"), ([SLOT], "PACK", None)]


def test_a_ray_without_such_a_hint_is_asked_plainly(groups, monkeypatch):
    def without_hint(bundles, strategy):
        groups.append((bundles, strategy))

    monkeypatch.setattr(share_module, "placement_group", without_hint)
    Share(1, 0, holders("a", a=1)).to_placement_group()
    assert groups == [([SLOT], "PACK")]


def test_a_task_goes_near_the_recordings_and_then_anywhere(monkeypatch):
    told = []

    class Task:
        def options(self, **options):
            told.append(options.get("scheduling_strategy"))
            return self

        def remote(self, *arguments):
            return arguments

    monkeypatch.setattr(share_module.ray, "remote", lambda **_: lambda _: Task())
    submit = Share(1.0, 0.0, holders([NODE], **{NODE: 1})).submitter(print, 3)
    assert [submit(1), submit(2)] == [(1,), (2,)]
    near, anywhere = told
    assert (near.node_id, near.soft, near._spill_on_unavailable) == (NODE, True, True)
    assert anywhere is None
