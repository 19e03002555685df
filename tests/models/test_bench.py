import dataclasses
import json

import pytest

from models.bench import reading
from models.bench.figure import Figure, figure_table, less_is_better, more_is_better, write_figures
from models.bench.fresh import measure
from models.bench.generated import write_session
from models.bench.recordings import PROMISES, Size, bench_recordings
from models.errors import StorageError, UserError
from models.recordings.check import check_data_set
from models.recordings.store.pack import pack, plan_packing

SMALL = Size(neurons=6, frames=70, trials=3)


@pytest.fixture
def data(tmp_path):
    write_session(tmp_path / "data", SMALL.neurons, SMALL.frames, SMALL.trials, SMALL.dtype)
    return tmp_path / "data"


def allocate(megabytes):
    """Called in a fresh process."""
    return len(b"x" * (int(megabytes) * 2**20)) / 2**20


def fail():
    raise RuntimeError("out of luck")


def test_the_generated_session_is_a_recording(data):
    (session,) = check_data_set(data).sessions
    assert (session.neurons, session.frames, session.videos) == (6, 70, 3)
    assert session.types["responses"] == ("float64",)


def test_speeds_and_times_are_better_by_their_ratios():
    assert more_is_better("a", 300.0, "clips/s", 100.0).ratio == 3
    assert less_is_better("b", 2.0, "s", 10.0).ratio == 5


def test_a_fresh_process_tells_its_result_and_its_peak():
    small, large = (measure("tests.models.test_bench:allocate", size) for size in (1, 200))
    assert (small.result, large.result) == (1, 200)
    assert 195 < large.peak_mb < 230
    assert small.peak_mb < 30
    with pytest.raises(UserError, match="out of luck"):
        measure("tests.models.test_bench:fail")


def test_both_ways_cut_clips_of_the_same_size(data):
    store = data.with_name("data.packed")
    pack(plan_packing(data, store), exact=False, jobs=1)
    ours = reading._sampler(store).draw(0)
    folder = next(data.iterdir()) / "data"
    plain = reading._plain_batch(
        lambda kind, n: reading.np.load(folder / kind / f"{n}.npy"), [0, 1], 0
    )
    shapes = [array.shape for array in plain]
    assert shapes == [(32, 36, 64, 16), (32, 6, 16), (32, 2, 16), (32, 2, 16)]
    assert (ours.video.shape, ours.responses[0].shape) == ((32, 16, 36, 64), (32, 16, 6))


@pytest.mark.slow
def test_a_benchmark_measures_every_figure_and_leaves_nothing(tmp_path):
    figures = bench_recordings(SMALL, tmp_path, rounds=1)
    assert [figure.name for figure in figures] == list(PROMISES)
    assert all(figure.value > 0 and figure.baseline > 0 for figure in figures)
    assert not list(tmp_path.iterdir())
    write_figures(tmp_path / "figures.json", figures)
    names = {field.name for field in dataclasses.fields(Figure)}
    written = json.loads((tmp_path / "figures.json").read_text())
    assert names == {"name", "value", "unit", "baseline", "ratio", "commit", "machine"}
    assert written == [dataclasses.asdict(figure) for figure in figures]
    assert figure_table("title", figures, PROMISES).row_count == len(figures)


def test_a_disk_without_room_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(StorageError, match="the benchmark writes up to"):
        bench_recordings(Size(trials=10**6), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(StorageError, match="cannot write") as caught:
        bench_recordings(SMALL, tmp_path / "none", rounds=1)
    assert str(tmp_path / "none") in caught.value.message
