import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import predictions
from models.errors import RunError


def trials_of(lengths, neurons=3):
    generator = np.random.default_rng(0)
    shapes = {7 * place + 2: (neurons, length) for place, length in enumerate(lengths)}
    return {
        trial: generator.gamma(1, 10, shape).astype(np.float32) for trial, shape in shapes.items()
    }


@given(lengths=st.lists(st.integers(1, 40), min_size=1, max_size=5), neurons=st.integers(1, 4))
def test_what_is_written_is_read_to_half_precision(tmp_path_factory, lengths, neurons):
    folder = tmp_path_factory.mktemp("run")
    trials = trials_of(lengths, neurons)
    predictions.write(folder, "mouse", trials)
    read = predictions.read(folder, "mouse")
    assert list(read) == list(trials)
    for trial, values in trials.items():
        assert (read[trial].shape, read[trial].dtype) == (values.shape, np.float32)
        np.testing.assert_allclose(read[trial], values, rtol=1e-3, atol=1e-6)


@given(lengths=st.lists(st.integers(1, 40), max_size=5), neurons=st.integers(1, 4))
def test_trials_that_are_read_when_asked_for_are_those_that_are_read_at_once(
    tmp_path_factory, lengths, neurons
):
    folder = tmp_path_factory.mktemp("run")
    predictions.write(folder, "mouse", trials_of(lengths, neurons))
    opened, read = predictions.Opened(folder, "mouse"), predictions.read(folder, "mouse")
    assert (list(opened), len(opened)) == (list(read), len(lengths))
    for trial in reversed(read):
        np.testing.assert_array_equal(opened[trial], read[trial], strict=True)
    with pytest.raises(KeyError):
        opened[1]


def test_opening_takes_no_memory_for_the_values(tmp_path):
    trial = 2 * 2**20  # bytes of a trial on disk
    pairs = ((number, np.full((2**11, 2**9), number, np.float32)) for number in range(30))
    predictions.write(tmp_path, "mouse", pairs)
    tracemalloc.start()
    opened = predictions.Opened(tmp_path, "mouse")
    _, peak = tracemalloc.get_traced_memory()
    last = opened[29]
    _, later = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (last == 29).all()
    assert peak < trial / 2
    assert later < 5 * trial


@pytest.mark.parametrize("kept", [0, 3, 200, -40])
def test_a_file_that_is_cut_short_is_not_opened(tmp_path, kept):
    predictions.write(tmp_path, "mouse", trials_of([4, 2]))
    path = tmp_path / "predictions/mouse.npz"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(RunError, match=r"mouse\.npz is not readable"):
        predictions.Opened(tmp_path, "mouse")


def test_values_that_cannot_be_read_one_by_one_are_named(tmp_path):
    arrays = {"trials": np.array([1]), "lengths": np.array([4])}
    (tmp_path / "predictions").mkdir()
    path = tmp_path / "predictions/mouse.npz"
    for save, values in (
        (np.savez_compressed, np.ones((4, 3), np.float16)),
        (np.savez, np.ones((4, 3))),
        (np.savez, np.ones((5, 3), np.float16)),
        (np.savez, np.ones((4, 3), np.float16, order="F")),
    ):
        save(path, values=values, **arrays)
        with pytest.raises(RunError, match=r"mouse\.npz is not readable: values"):
            predictions.Opened(tmp_path, "mouse")
    np.savez(path, **arrays)
    with pytest.raises(RunError, match=r"mouse\.npz is not readable"):
        predictions.Opened(tmp_path, "mouse")


def test_trials_lie_end_to_end_time_first(tmp_path):
    trials = trials_of([4, 2])
    predictions.write(tmp_path, "mouse", trials)
    with np.load(tmp_path / "predictions/mouse.npz") as archive:
        assert archive["trials"].tolist() == [2, 9]
        assert archive["lengths"].tolist() == [4, 2]
        assert (archive["values"].shape, archive["values"].dtype) == ((6, 3), np.float16)
        np.testing.assert_array_equal(archive["values"][4], trials[9][:, 0].astype(np.float16))


def test_trials_may_be_made_as_they_are_written(tmp_path):
    trials = trials_of([4, 2, 9])
    predictions.write(tmp_path, "mouse", trials)
    predictions.write(tmp_path, "streamed", (pair for pair in trials.items()))
    paths = (tmp_path / "predictions" / f"{name}.npz" for name in ("mouse", "streamed"))
    whole, streamed = (dict(np.load(path)) for path in paths)
    assert list(streamed) == ["trials", "lengths", "values"]
    for name, values in whole.items():
        np.testing.assert_array_equal(streamed[name], values)


def test_a_tier_is_written_with_one_trial_in_memory(tmp_path):
    trial = 4 * 2**20  # bytes of a trial, as floats
    pairs = ((number, np.full((2**11, 2**9), number, np.float32)) for number in range(30))
    tracemalloc.start()
    predictions.write(tmp_path, "mouse", pairs)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * trial
    assert (tmp_path / "predictions/mouse.npz").stat().st_size == pytest.approx(
        15 * trial, rel=0.01
    )


def test_what_fails_midway_leaves_the_file_as_it_was(tmp_path):
    def failing():
        yield 1, np.ones((3, 5), np.float32)
        raise KeyboardInterrupt

    predictions.write(tmp_path, "mouse", trials_of([4]))
    before = (tmp_path / "predictions/mouse.npz").read_bytes()
    with pytest.raises(KeyboardInterrupt):
        predictions.write(tmp_path, "mouse", failing())
    uneven = {1: np.ones((3, 5), np.float32), 2: np.ones((5, 3), np.float32)}
    with pytest.raises(ValueError, match=r"same neurons; found \[3, 5\]"):
        predictions.write(tmp_path, "mouse", uneven)
    assert [path.name for path in (tmp_path / "predictions").iterdir()] == ["mouse.npz"]
    assert (tmp_path / "predictions/mouse.npz").read_bytes() == before


def test_mice_have_files_of_their_own_and_the_last_writing_counts(tmp_path):
    for mouse, lengths in (("a", [3, 3]), ("b", [5]), ("a", [2])):
        predictions.write(tmp_path, mouse, trials_of(lengths))
    assert predictions.read(tmp_path, "a")[2].shape == (3, 2)
    assert predictions.read(tmp_path, "b")[2].shape == (3, 5)
    names = sorted(path.name for path in (tmp_path / "predictions").iterdir())
    assert names == ["a.npz", "b.npz"]


def test_a_mouse_without_trials(tmp_path):
    predictions.write(tmp_path, "mouse", {})
    assert predictions.read(tmp_path, "mouse") == {}


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(RunError, match=r"mouse\.npz is missing") as caught:
        predictions.read(tmp_path, "mouse")
    assert "complete runs" in caught.value.remedy


@pytest.mark.parametrize("kept", [0, 3, 200, -40])
def test_a_file_that_is_cut_short_is_named(tmp_path, kept):
    predictions.write(tmp_path, "mouse", trials_of([4, 2]))
    path = tmp_path / "predictions/mouse.npz"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(RunError, match=r"mouse\.npz is not readable"):
        predictions.read(tmp_path, "mouse")


def test_a_file_of_something_else_is_named(tmp_path):
    path = tmp_path / "predictions/mouse.npz"
    path.parent.mkdir()
    for write in (lambda file: np.savez(file, other=np.ones(3)), lambda file: np.save(file, 3)):
        with path.open("wb") as file:
            write(file)
        with pytest.raises(RunError, match=r"mouse\.npz is not readable"):
            predictions.read(tmp_path, "mouse")
