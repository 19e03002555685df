"""Parts of a job: what they are, what they hold, and which jobs may share them."""

from dataclasses import replace

import numpy as np
import pytest

from ensemble.predict import ServerUnits
from ensemble.predicting import parts as parts_module
from ensemble.predicting.making import Maker
from ensemble.predicting.parts import PartFolder, parts_of
from ensemble.rules.weights import Weights
from models.errors import RunError
from models.recordings.data_set import open_sessions
from models.trained import TrainedRun

TIERS = ("live_test_main", "live_test_bonus", "train", "oracle")


def made(job, folder, tiers=TIERS):
    """Every part of a job, made in this process and read again."""
    maker = Maker(job, PartFolder(folder))
    every = [*parts_of(tiers, open_sessions(job.data))]
    for part in every:
        maker.make(part)
    return {part: PartFolder(folder).read(part) for part in every}


def assert_same(first, second):
    assert first.keys() == second.keys()
    for part, finished in first.items():
        assert finished.values.keys() == second[part].values.keys()
        for trial, values in finished.values.items():
            assert values.tobytes() == second[part].values[trial].tobytes()
        mine, other = finished.tally.arrays(), second[part].tally.arrays()
        assert {name: array.tolist() for name, array in mine.items()} == {
            name: array.tolist() for name, array in other.items()
        }


def test_parts_hold_every_trial_once_and_in_order(demo, monkeypatch):
    sessions = open_sessions(demo.data)
    wanted = [(t, s.name, trial) for t in TIERS for s in sessions for trial in s.trials(t)]
    for size in (1, 6 * 300 * 8 * 2, 10**9):
        monkeypatch.setattr(parts_module, "PART_BYTES", size)
        parts = [*parts_of(TIERS, sessions)]
        found = [(part.tier, part.mouse, trial) for part in parts for trial in part.trials]
        assert found == wanted
        trials = max(size // (6 * 300 * 8), 1)
        assert all(len(part.trials) <= trials for part in parts)
    assert len(parts) == len(TIERS) * len(sessions)


def test_a_part_holds_the_weighted_mean_as_it_is_written(job, tmp_path):
    sessions = {session.name: session for session in open_sessions(job.data)}
    first, other, second = (TrainedRun.open(path, "cpu") for runs in job.runs for path in runs)
    for part, finished in made(job, tmp_path / "key").items():
        assert [*finished.values] == ([] if part.tier == "oracle" else [*part.trials])
        for trial, values in finished.values.items():
            session = sessions[part.mouse]
            member = (first.predict(session, trial) + other.predict(session, trial)) / 2
            mean = 0.75 * member.astype(float) + 0.25 * second.predict(session, trial).astype(float)
            expected = np.maximum(job.units.scaled(session, mean), 0)
            assert values.dtype == np.float32
            np.testing.assert_allclose(values, expected, rtol=1.000001 * 2.0**-24)  # rounded once


def test_a_part_holds_the_scores_of_its_evaluated_trials(job, tmp_path):
    for part, finished in made(job, tmp_path / "key").items():
        if part.tier == "live_test_main":
            assert not finished.tally.counts
            continue
        assert finished.tally.counts == {(part.tier, part.mouse): len(part.trials)}
        names = {name for name, _ in finished.tally.boards}
        others = set() if part.tier == "train" else {"ceiling"}
        assert names == {"0", "1", "ensemble", "plain", "floor", *others}


def test_one_network_at_a_time_gives_the_same_bits(job, tmp_path, monkeypatch):
    opened = []
    original = TrainedRun.open.__func__

    def counted(cls, path, *arguments):
        opened.append(path)
        return original(cls, path, *arguments)

    monkeypatch.setattr(TrainedRun, "open", classmethod(counted))
    together = made(replace(job, resident=True), tmp_path / "together")
    assert sorted(opened) == sorted(job.all_runs)
    opened.clear()
    assert_same(together, made(replace(job, resident=False), tmp_path / "alone"))
    parts, evaluated = len(together), sum(bool(each.tally.counts) for each in together.values())
    assert len(opened) == 3 * parts + evaluated


CHANGES = {
    "weights": lambda job, _: replace(job, weights=Weights(np.array([0.5, 0.5]))),
    "a mouse's weights": lambda job, _: replace(
        job, weights=Weights(job.weights.shared, {"a": np.array([1.0, 0.0])})
    ),
    "members": lambda job, _: replace(job, runs=job.runs[:1]),
    "their order": lambda job, _: replace(job, runs=job.runs[::-1]),
    "the floor": lambda job, _: replace(job, floor=None),
    "recordings": lambda job, _: replace(job, fingerprint="0" * 12),
    "the truth": lambda job, _: replace(job, truth=None),
    "tiers": lambda job, _: replace(job, evaluated=()),
    "frames": lambda job, _: replace(job, units=ServerUnits(250)),
    "units": lambda job, _: replace(job, units=ServerUnits(normalise=False)),
    "threads": lambda job, _: replace(job, threads=7),
    "a GPU": lambda job, _: replace(job, threads=None, device="cuda"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_key_changes_with_what_decides_the_numbers(job, demo, change):
    assert CHANGES[change](job, demo).key() != job.key()


def test_the_key_changes_with_the_weights_files_and_not_with_the_place(job, demo, tmp_path):
    copied = demo.copy(tmp_path / "home")
    runs = ((copied.run(0), copied.run(4)), (copied.run(1),))
    moved = replace(job, runs=runs, floor=copied.folder / "floor", parts=tmp_path / "elsewhere")
    assert replace(moved, resident=True).key() == job.key()
    (copied.run(1) / "weights.pt").write_bytes((copied.run(4) / "weights.pt").read_bytes())
    assert moved.key() != job.key()


def test_a_job_of_a_run_without_weights_says_which(job, tmp_path, demo):
    copied = demo.copy(tmp_path / "home")
    (copied.run(1) / "weights.pt").unlink()
    with pytest.raises(RunError, match=f"cannot read {copied.run(1)}/weights.pt: No such file"):
        replace(job, runs=((copied.run(1),),)).key()


def test_a_part_is_seen_once_it_is_whole(job, tmp_path):
    folder, part = PartFolder(tmp_path / "key"), next(parts_of(TIERS, open_sessions(job.data)))
    assert not folder.has(part)
    assert folder.read(part) is None
    Maker(job, folder).make(part)
    assert folder.has(part)
