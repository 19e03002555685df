import errno
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ensemble.reader import read_rows, trial_of
from ensemble.submission import Row, write_submission
from models.errors import StorageError, UserError
from tests.ensemble.small_sessions import table_of
from tests.shared_files import shared

GOLDEN = "golden/predictions_live_main.parquet.brotli"


def row(trial=1, mouse="dynamic1-1-1-Video-aaaa", neurons=3, frames=4, **changes):
    generator = np.random.default_rng(trial)
    made = Row(mouse, trial, generator.normal(size=(neurons, frames)), np.arange(neurons) * 3 + 2)
    return replace(made, **changes)


def assert_same_rows(found, wanted):
    for one, other in zip(found, wanted, strict=True):
        assert (one.mouse, one.trial) == (other.mouse, other.trial)
        assert one.prediction.dtype == other.prediction.dtype
        assert one.prediction.shape == other.prediction.shape
        assert one.prediction.tobytes() == other.prediction.tobytes()
        assert one.neuron_ids.tolist() == other.neuron_ids.tolist()


def test_a_rewritten_golden_file_is_equal_in_schema_and_values(tmp_path):
    golden, ours = shared(GOLDEN), tmp_path / "ours.parquet.brotli"
    written = write_submission(ours, read_rows(golden))
    assert pq.read_schema(ours).equals(pq.read_schema(golden), check_metadata=False)
    with pq.ParquetFile(ours) as mine, pq.ParquetFile(golden) as theirs:
        assert mine.schema.equals(theirs.schema)
        group = mine.metadata.row_group(0)
        assert {group.column(i).compression for i in range(group.num_columns)} == {"BROTLI"}
    pd.testing.assert_frame_equal(pd.read_parquet(ours), pd.read_parquet(golden))
    assert written.rows == 9
    assert written.values == 20169
    assert written.bytes == ours.stat().st_size


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
            st.integers(0, 2**40),
            hnp.arrays(
                np.float64,
                hnp.array_shapes(min_dims=2, max_dims=2, max_side=9),
                elements=st.floats(allow_nan=False, allow_infinity=False),
            ),
            st.integers(-(2**62), 2**62),
        ),
        min_size=1,
        max_size=5,
        unique_by=lambda parts: parts[:2],
    ),
    st.sampled_from(["int", "file"]),
)
def test_what_is_written_is_read_bit_for_bit(tmp_path_factory, parts, form):
    rows = [Row(m, t, p, first + np.arange(len(p))) for m, t, p, first in parts]
    path = tmp_path_factory.mktemp("round") / "trip.parquet.brotli"
    write_submission(path, rows, trial_indices=form)
    assert_same_rows(read_rows(path), rows)


def test_a_table_that_pandas_wrote_is_read_alike(tmp_path):
    rows = [row(1), row(2, neurons=5, frames=2), row(1, mouse="b")]
    table_of(rows).to_parquet(tmp_path / "theirs", compression="brotli", index=False)
    assert_same_rows(read_rows(tmp_path / "theirs"), rows)
    write_submission(tmp_path / "ours", rows)
    theirs, ours = (pd.read_parquet(tmp_path / name) for name in ("theirs", "ours"))
    pd.testing.assert_frame_equal(ours, theirs)


def test_trials_as_file_names_and_values_as_float32(tmp_path):
    path = tmp_path / "small.parquet.brotli"
    write_submission(path, [row(17)], trial_indices="file", dtype="float32")
    table = pd.read_parquet(path)
    assert table["trial_indices"].tolist() == ["17.npy"]
    assert table["prediction"][0][0].dtype == np.float32
    narrowed = replace(row(17), prediction=row(17).prediction.astype(np.float32))
    assert_same_rows(read_rows(path), [narrowed])


@pytest.mark.parametrize("cell", ["17", "17.npz", "-1.npy", "a.npy", "", "1.npy ", "\u0661.npy"])
def test_other_file_names_are_no_trials(cell):
    assert trial_of(cell) is None


def test_rows_are_written_before_later_ones_are_made(tmp_path, monkeypatch):
    """Each is a row group; while it is encoded the next one is made, and no more than that."""
    events = []
    write = pq.ParquetWriter.write_table

    def spy(self, table, **options):
        write(self, table, **options)
        events.append("written")

    def produce():
        for trial in range(5):
            events.append("make")
            yield row(trial)
            assert events.count("make") - events.count("written") <= 2

    monkeypatch.setattr(pq.ParquetWriter, "write_table", spy)
    path = tmp_path / "stream.parquet.brotli"
    write_submission(path, produce())
    assert events.count("written") == 5
    with pq.ParquetFile(path) as file:
        groups = [file.metadata.row_group(g).num_rows for g in range(file.num_row_groups)]
    assert groups == [1] * 5


def test_a_producer_may_use_its_arrays_again(tmp_path):
    path = tmp_path / "reused.parquet.brotli"
    prediction, ids = np.zeros((2, 3)), np.zeros(2, dtype=np.int64)

    def produce():
        for trial in range(3):
            prediction[:], ids[:] = trial, trial
            yield Row("m", trial, prediction, ids)

    write_submission(path, produce())
    assert [float(r.prediction.max()) for r in read_rows(path)] == [0, 1, 2]
    assert [int(r.neuron_ids[0]) for r in read_rows(path)] == [0, 1, 2]


def test_arrays_of_any_layout_are_written_by_their_values(tmp_path):
    prediction = np.asfortranarray(np.arange(12.0).reshape(3, 4))
    ids = np.arange(9, dtype=np.int32)[::3]
    path = tmp_path / "layout.parquet.brotli"
    write_submission(path, [row(prediction=prediction, neuron_ids=ids)])
    (found,) = read_rows(path)
    np.testing.assert_array_equal(found.prediction, prediction)
    assert found.neuron_ids.tolist() == [0, 3, 6]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (row(2, prediction=np.array([[1.0, np.nan]]), neuron_ids=np.array([1])), "finite"),
        (row(2, prediction=np.array([[np.inf, 1.0]]), neuron_ids=np.array([1])), "finite"),
        (row(2, prediction=np.ones(3)), r"axes \(N, F\)"),
        (row(2, prediction=np.ones((3, 0))), r"axes \(N, F\)"),
        (row(2, neuron_ids=np.arange(4)), "one integer for each of its 3 neurons"),
        (row(2, neuron_ids=np.ones((3, 1), dtype=int)), "one integer"),
        (row(2, neuron_ids=np.ones(3)), "one integer"),
        (row(1), "twice"),
    ],
)
def test_a_wrong_row_leaves_the_old_file(tmp_path, bad, message):
    path = tmp_path / "old.parquet.brotli"
    path.write_bytes(b"old")
    with pytest.raises(UserError, match=message):
        write_submission(path, [row(1), bad])
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_overflows_float32_is_not_finite(tmp_path):
    with pytest.raises(UserError, match=r"1 values that are not, the first 1e\+300"):
        write_submission(
            tmp_path / "x",
            [row(prediction=np.full((1, 1), 1e300), neuron_ids=[1])],
            dtype="float32",
        )


def test_no_row_and_wrong_options_are_refused(tmp_path):
    for options in ({"dtype": "float16"}, {"trial_indices": "npy"}, {"mantissa_bits": 0}):
        with pytest.raises(UserError, match="found"):
            write_submission(tmp_path / "x", [row()], **options)
    with pytest.raises(UserError, match="no prediction"):
        write_submission(tmp_path / "x", [])
    assert not list(tmp_path.iterdir())


def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch):
    def full(*_arguments, **_options):
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "old.parquet.brotli"
    path.write_bytes(b"old")
    monkeypatch.setattr(pq.ParquetWriter, "write_table", full)
    with pytest.raises(StorageError, match="no space left"):
        write_submission(path, [row()])
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_pyarrow_itself_reports_a_full_disk_as_one(tmp_path, monkeypatch):
    opened = pq.ParquetWriter.__init__

    def on_full_disk(self, _where, *arguments, **options):
        opened(self, "/dev/full", *arguments, **options)

    monkeypatch.setattr(pq.ParquetWriter, "__init__", on_full_disk)
    with pytest.raises(StorageError, match="no space left"):
        write_submission(tmp_path / "x", [row(neurons=100, frames=999)])


def test_rounding_does_not_hide_what_is_not_finite(tmp_path):
    for value in (np.nan, -np.nan, np.inf, np.finfo(np.float64).max):
        bad = row(prediction=np.full((1, 1), value), neuron_ids=np.array([1]))
        with pytest.raises(UserError, match="finite"):
            write_submission(tmp_path / "x", [bad], mantissa_bits=10)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"no parquet at all" * 100])
def test_what_is_no_parquet_is_a_users_mistake(tmp_path, content):
    path = tmp_path / "broken"
    path.write_bytes(content)
    with pytest.raises(UserError, match="not a readable Parquet file"):
        list(read_rows(path))


def test_other_columns_or_ragged_rows_are_a_users_mistake(tmp_path):
    pd.DataFrame({"mouse": ["a"]}).to_parquet(tmp_path / "columns")
    with pytest.raises(UserError, match="found no trial_indices, no prediction, no neuron_ids"):
        list(read_rows(tmp_path / "columns"))
    table = {"mouse": ["a"], "trial_indices": [1], "prediction": [[[1.0], [1.0, 2.0]]]}
    pd.DataFrame(table | {"neuron_ids": [[1, 2]]}).to_parquet(tmp_path / "ragged")
    with pytest.raises(UserError, match="row 0"):
        list(read_rows(tmp_path / "ragged"))
    flat = table | {"prediction": [[1.0, 2.0]], "neuron_ids": [[1, 2]]}
    pd.DataFrame(flat).to_parquet(tmp_path / "flat")
    with pytest.raises(UserError, match="found prediction of type list<element: double>"):
        list(read_rows(tmp_path / "flat"))
    with pytest.raises(UserError, match="there is no file"):
        list(read_rows(tmp_path / "absent"))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_what_is_kept_of_the_values_is_measured_while_writing(tmp_path, dtype):
    rows = [row(trial=trial, frames=50) for trial in range(3)]
    options = {"dtype": dtype, "mantissa_bits": 10}
    written = write_submission(tmp_path / "file", iter(rows), **options)
    given = np.hstack([each.prediction for each in rows])
    found = np.hstack([each.prediction for each in read_rows(tmp_path / "file")])
    each = [np.corrcoef(x, y)[0, 1] for x, y in zip(given, found, strict=True)]
    wanted = (min(each), np.mean(each))
    np.testing.assert_allclose((written.kept.lowest, written.kept.mean), wanted, atol=1e-12)
    assert written.kept.lowest > 0.999999
    assert write_submission(tmp_path / "file", rows, dtype=dtype).kept is None
