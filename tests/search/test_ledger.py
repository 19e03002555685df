"""Hours are counted over all drivers of a search, up to the last save of one that was killed."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.ledger import EVERY, SEARCH, Ledger, gpu_hours, read_ledger, slot_hours, wall_hours

HOUR = 3600.0


class Clock:
    def __init__(self, now=1e9):
        self.now = now

    def __call__(self):
        return self.now


def hours(stretches):
    return wall_hours(stretches), slot_hours(stretches), gpu_hours(stretches)


def test_slots_count_as_long_as_they_are_held(tmp_path):
    clock = Clock()
    ledger = Ledger(tmp_path, 0.5, clock)
    ledger.begin("0")
    ledger.begin("floor")
    clock.now += HOUR
    ledger.begin("0")  # again, as after a lost worker: it has its slot since an hour
    ledger.end("floor")
    ledger.end("never begun")
    clock.now += HOUR
    assert hours(ledger.stretches) == (2, 3, 1.5), "what goes on counts too"
    ledger.close()
    clock.now += HOUR
    assert hours(ledger.stretches) == hours(read_ledger(tmp_path)) == (2, 3, 1.5)
    by_key = {each.key: (each.hours, each.gpus) for each in read_ledger(tmp_path)}
    assert by_key == {"0": (2, 0.5), "floor": (1, 0.5), SEARCH: (2, 0)}


def test_stretches_add_up_over_drivers(tmp_path):
    clock = Clock()
    for gpus in (1.0, 0.0, 2.0):
        ledger = Ledger(tmp_path, gpus, clock)
        ledger.begin("0")
        clock.now += HOUR
        ledger.close()
        clock.now += 5 * HOUR  # nobody is there
    assert hours(read_ledger(tmp_path)) == (3, 3, 3)
    assert hours(Ledger(tmp_path, 1.0, clock).stretches) == (3, 3, 3)
    assert len(list((tmp_path / "ledger").iterdir())) == 3
    content = json.loads((tmp_path / "ledger" / "3.json").read_text())
    assert content["gpus"] == 2.0


def test_the_tenth_driver_comes_after_the_ninth(tmp_path):
    clock = Clock()
    for _ in range(11):
        Ledger(tmp_path, 0, clock).close()
        clock.now += 1
    begins = [each.began for each in read_ledger(tmp_path)]
    assert len(begins) == 11
    assert begins == sorted(begins)


def test_a_killed_driver_counts_up_to_its_last_save(tmp_path):
    clock = Clock()
    killed = Ledger(tmp_path, 1.0, clock)
    killed.begin("0")
    killed.tick()
    clock.now += EVERY - 1
    killed.tick()  # too early to write again
    assert hours(read_ledger(tmp_path)) == (0, 0, 0)
    clock.now += HOUR - EVERY + 1
    killed.tick()
    clock.now += EVERY - 1
    killed.tick()
    del killed
    clock.now += 7 * HOUR
    later = Ledger(tmp_path, 1.0, clock)
    assert hours(later.stretches) == (1, 1, 1)


def test_a_search_without_a_ledger_has_used_nothing(tmp_path):
    assert read_ledger(tmp_path) == []
    assert hours([]) == (0, 0, 0)


EVENTS = st.lists(
    st.tuples(st.sampled_from(["begin", "end"]), st.sampled_from("abc"), st.integers(0, 5000)),
    max_size=30,
)


@given(events=EVENTS, gpus=st.sampled_from([0.0, 0.5, 2.0]))
def test_hours_are_those_of_a_count_by_the_second(tmp_path_factory, events, gpus):
    folder, clock = tmp_path_factory.mktemp("ledger"), Clock()
    ledger, held, slots = Ledger(folder, gpus, clock), set(), 0
    for what, key, pause in events:
        getattr(ledger, what)(key)
        held = held | {key} if what == "begin" else held - {key}
        clock.now += pause
        slots += pause * len(held)
    ledger.close()
    found = read_ledger(folder)
    assert slot_hours(found) * HOUR == pytest.approx(slots, abs=1e-3)
    assert gpu_hours(found) == pytest.approx(slot_hours(found) * gpus)
    assert wall_hours(found) * HOUR == pytest.approx(clock.now - 1e9, abs=1e-3)
