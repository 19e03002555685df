"""A run on packed recordings is the run on the folders that they were packed from."""

import shutil

import numpy as np
import pytest
import torch

from models.checkpoints import load_state
from models.evaluation import score_run
from models.fit import Fit
from models.recordings import clips
from models.recordings.clips import ClipSampler, Pool
from models.recordings.data_set import open_sessions
from models.recordings.feed import Ahead, Direct
from models.recordings.folder import SessionFolder
from models.recordings.session import fingerprint
from models.recordings.store.folders import packed_folder
from models.recordings.store.packed import PackedSession
from models.recordings.trials import load_trials
from models.recordings.truth import truth_folder
from models.runs import TRAIN_LOSS, RunFolder
from models.trained import TrainedRun
from tests.models.generated_sessions import assert_same
from tests.models.packed_stores import packed
from tests.models.tiny import config_of

pytestmark = pytest.mark.usefixtures("undurable")


def kinds_of(sessions):
    return [type(session) for session in sessions]


@pytest.fixture(scope="module")
def copies(recordings, tmp_path_factory):
    """The generated recordings with a store of half, of full precision, and one mouse packed."""
    folder = tmp_path_factory.mktemp("copies")
    shutil.copytree(recordings, folder / "half")
    for name in ("half", "exact", "mixed"):
        (folder / f"{name}.truth").symlink_to(truth_folder(recordings))
        for session in recordings.iterdir() if name != "half" else ():
            (folder / name).mkdir(exist_ok=True)
            (folder / name / session.name).symlink_to(session)
    packed(folder / "half")
    packed(folder / "exact", exact=True)
    first = min((folder / "mixed").iterdir())
    packed(first, store=packed_folder(folder / "mixed"))
    return folder


def test_a_store_beside_the_data_is_found(copies, recordings):
    half, mixed = copies / "half", copies / "mixed"
    assert kinds_of(open_sessions(recordings)) == [SessionFolder] * 2
    assert kinds_of(open_sessions(half)) == [PackedSession] * 2
    assert kinds_of(open_sessions(mixed)) == [PackedSession, SessionFolder]
    assert kinds_of(open_sessions(packed_folder(half))) == [PackedSession] * 2
    (one,) = open_sessions(packed_folder(half) / open_sessions(half)[1].name)
    (same,) = open_sessions(half / one.name)
    assert one == same == open_sessions(half)[1]
    ways = (recordings, half, mixed, packed_folder(half), copies / "exact")
    assert len({fingerprint(open_sessions(way)) for way in ways}) == 1
    assert truth_folder(packed_folder(half)) == truth_folder(half) == copies / "half.truth"


def test_trials_are_the_same_numbers_packed_or_not(copies, recordings):
    tiers = ("train", "oracle")
    for ours, theirs in zip(
        load_trials(copies / "half", tiers), load_trials(recordings, tiers), strict=True
    ):
        names = [[(t.number, t.group, t.length) for t in mouse.trials] for mouse in (ours, theirs)]
        assert names[0] == names[1]
        for mine, other in zip(ours.trials, theirs.trials, strict=True):
            moments = (ours.moments(mine.number), theirs.moments(other.number))
            np.testing.assert_array_equal(*moments, strict=True)
            for part in ("video", "behaviour", "responses"):
                pair = (getattr(ours, part)(mine), getattr(theirs, part)(other))
                np.testing.assert_array_equal(*pair, strict=True)


def test_clips_of_mapped_files_are_those_of_memory(copies, recordings, monkeypatch):
    monkeypatch.setattr(clips, "RESIDENT", 0)
    mapped, held = (
        [Pool.of(mouse, mouse.trials) for mouse in load_trials(data, ("train",))]
        for data in (copies / "half", recordings)
    )
    network, cpu = config_of().network, torch.device("cpu")
    ahead = Ahead(ClipSampler(mapped, network, 4, seed=1), cpu)
    direct = Direct(ClipSampler(held, network, 4, seed=1), cpu)
    for step in (0, 1, 2, 7):
        one, other = ahead.batch(step), direct.batch(step)
        assert torch.equal(one.video, other.video)
        assert torch.equal(one.behaviour, other.behaviour)
        assert all(map(torch.equal, one.responses, other.responses))


def trained(folder, data):
    fit = Fit(folder, config_of(), data, "cpu")
    while not fit.done:
        fit.train_epoch()
    fit.finish()
    return folder


def outcome(run):
    """Weights, losses, predictions: everything but times and places."""
    weights = {name: tensor.numpy() for name, tensor in load_state(run / "weights.pt").items()}
    lines = [line | {"seconds": 0} for line in RunFolder(run).metrics()]
    files = {path.name: path.read_bytes() for path in (run / "predictions").iterdir()}
    return weights, lines, files


def assert_same_run(ours, theirs):
    assert_same(ours[0], theirs[0])
    assert ours[1:] == theirs[1:]


@pytest.mark.parametrize("way", ["half", "half.packed", "mixed"])
def test_a_run_on_packed_recordings_is_the_same_bit_for_bit(copies, complete, tmp_path, way):
    run = trained(tmp_path / "run", copies / way)
    assert_same_run(outcome(run), outcome(complete))
    assert RunFolder(run).record().fingerprint == RunFolder(complete).record().fingerprint


def test_packing_in_the_midst_of_a_run_changes_nothing(complete, recordings, tmp_path):
    data = shutil.copytree(recordings, tmp_path / "data")
    Fit(tmp_path / "run", config_of(), data, "cpu").train_epoch()
    packed(data)
    shutil.rmtree(data)
    assert_same_run(outcome(trained(tmp_path / "run", packed_folder(data))), outcome(complete))


def test_a_run_on_exact_responses_is_nearly_the_same(copies, complete, tmp_path):
    (ours, lines, _), (theirs, others, _) = map(
        outcome, (trained(tmp_path / "run", copies / "exact"), complete)
    )
    assert any((ours[name] != theirs[name]).any() for name in ours)
    for name in ours:  # in proportion to the largest: small ones are differences of large ones
        apart = np.abs(ours[name] - theirs[name]).max()
        assert apart <= 2e-3 * np.abs(theirs[name]).max(), name
    scale = max(abs(line[TRAIN_LOSS]) for line in others)  # near 0 it is such a difference itself
    for line, other in zip(lines, others, strict=True):
        assert line.pop(TRAIN_LOSS) == pytest.approx(other.pop(TRAIN_LOSS), abs=2e-3 * scale)
        assert line == pytest.approx(other, rel=2e-3, abs=1e-3)


def test_predictions_and_scores_are_the_same_packed_or_not(copies, complete, recordings):
    run = TrainedRun.open(complete, "cpu")
    for ours, theirs in zip(open_sessions(copies / "half"), open_sessions(recordings), strict=True):
        trial = ours.trials("live_test_bonus")[0]
        np.testing.assert_array_equal(run.predict(ours, trial), run.predict(theirs, trial))
    wanted = score_run(recordings, complete, None, normalise=True, device="cpu")
    for way in ("mixed", "half.packed"):
        rows = score_run(copies / way, complete, None, normalise=True, device="cpu")
        for ours, theirs in zip(rows, wanted, strict=True):
            assert ours.score == pytest.approx(theirs.score, abs=1e-3)  # of half precision
            assert ours.ceiling == pytest.approx(theirs.ceiling, abs=1e-3)
