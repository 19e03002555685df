"""Submission files, written one trial at a time.

What pandas needs minutes and tens of gigabytes for, because it goes through nested Python lists, is
here a stream: each row is a row group of its own, and on its way to the disk before the next one is
made. So its arrays need not be copied.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from ensemble.columns import (
    NEURON_IDS_LEAF,
    PREDICTION_LEAF,
    FloatType,
    TrialForm,
    numpy_type,
    record_batch,
    schema,
)
from ensemble.encoding import Encoder
from ensemble.rounding import Kept, Rounding, round_mantissa
from models.errors import UserError
from models.files import replacing

_BROTLI_LEVEL = (
    1  # higher ones save under 3 % after the byte-stream split, in up to 7 times as long
)


@dataclass(frozen=True)
class Row:
    """The prediction for one trial of one mouse."""

    mouse: str
    """The session folder's name."""
    trial: int
    """The id of the trial's files, not the original presentation id."""
    prediction: npt.NDArray[np.floating]
    """(N, F), in the server's units: already multiplied by the response precision."""
    neuron_ids: npt.NDArray[np.integer]
    """(N,) in the order of unit_ids.npy."""

    def __str__(self) -> str:
        return f"trial {self.trial} of {self.mouse}"


@dataclass(frozen=True)
class Written:
    """What a submission file holds."""

    rows: int
    values: int
    bytes: int
    kept: Kept | None = None
    """What is left of the values that were given; None where they were not rounded."""


def write_submission(
    path: Path,
    rows: Iterable[Row],
    *,
    trial_indices: TrialForm = "int",
    dtype: FloatType = "float64",
    mantissa_bits: int | None = None,
) -> Written:
    """Write `rows` to `path`, one at a time, and replace what was there once all is on disk.

    Memory is bounded by a few times a row, and a row's arrays may be used again once the next row is
    asked for. `trial_indices` "file" writes '1.npy' instead of 1. `mantissa_bits` rounds
    the values (see `round_mantissa`), and what that costs is measured on the way (`Written.kept`); by
    default every bit is kept.

    Raises UserError for values that are not finite, shapes or ids that do not fit together, a trial
    that comes twice, or no row at all; StorageError where the disk refuses. The old file then
    stays as it was.
    """
    _check_options(trial_indices, dtype, mantissa_bits)
    columns = schema(trial_indices, dtype)
    count = values = 0
    rounding = None if mantissa_bits is None else Rounding()
    with (
        replacing(path) as temporary,
        _writer(temporary, columns) as writer,
        Encoder(writer, temporary) as encoder,
    ):
        for batch in _batches(rows, columns, mantissa_bits, rounding):
            encoder.write(batch)
            count += 1
            values += len(batch["prediction"].values.values)
        if not count:
            raise UserError(
                f"there is no prediction to write to {path}", "Give at least one trial."
            )
    kept = None if rounding is None else rounding.kept()
    return Written(count, values, path.stat().st_size, kept)


def _check_options(trial_indices: str, dtype: str, mantissa_bits: int | None) -> None:
    for name, value, known in (
        ("trial_indices", trial_indices, get_args(TrialForm)),
        ("dtype", dtype, get_args(FloatType)),
    ):
        if value not in known:
            raise UserError(f"{name} is one of {', '.join(known)}; found {value!r}")
    if mantissa_bits is not None and mantissa_bits < 1:
        raise UserError(f"at least one mantissa bit is kept; found {mantissa_bits}")


def _writer(path: Path, columns: Any) -> Any:
    return pq.ParquetWriter(
        path,
        columns,
        compression="brotli",
        compression_level=_BROTLI_LEVEL,
        # A dictionary gains nothing where values hardly repeat. Split into streams of first,
        # second, ... bytes, their signs and exponents compress well.
        use_dictionary=["mouse", NEURON_IDS_LEAF],
        use_byte_stream_split=[PREDICTION_LEAF],
        write_statistics=["mouse", "trial_indices"],
    )


def _batches(
    rows: Iterable[Row], columns: Any, mantissa_bits: int | None, rounding: Rounding | None
) -> Iterator[Any]:
    """Each row, checked and copied, as a record batch."""
    seen: set[tuple[str, int]] = set()
    for row in rows:
        if (row.mouse, row.trial) in seen:
            raise UserError(f"every trial has one row; found {row} twice")
        seen.add((row.mouse, row.trial))
        _check_shape(row)
        values = _converted(row, numpy_type(columns), mantissa_bits)
        if rounding is not None:
            rounding.add(row.mouse, row.prediction, values)
        ids = np.array(row.neuron_ids)
        yield record_batch(columns, row.mouse, int(row.trial), values, ids)


def _converted(
    row: Row, dtype: type[np.floating], mantissa_bits: int | None
) -> npt.NDArray[np.floating]:
    """(N, F) copy of the predictions in the file's type, finite."""
    with np.errstate(over="ignore"):  # what overflows float32 is found by the check
        values = np.array(row.prediction, dtype=dtype, order="C")
    check_finite(row, values)
    if mantissa_bits is not None:
        round_mantissa(values, mantissa_bits)
        check_finite(row, values)
    return values


def _check_shape(row: Row) -> None:
    shape = row.prediction.shape
    ids = np.asarray(row.neuron_ids)
    if len(shape) != 2 or not row.prediction.size:
        rule = "has the axes (N, F), neurons and frames, with at least one of each"
        raise UserError(f"the prediction of {row} {rule}; found {shape}")
    if ids.dtype.kind not in "iu" or ids.shape != shape[:1]:
        rule = f"are one integer for each of its {shape[0]} neurons"
        raise UserError(f"the neuron ids of {row} {rule}; found {ids.dtype} {ids.shape}")


def check_finite(row: Row, values: npt.NDArray[np.floating]) -> None:
    """UserError where a row's values, as they are written, are not all finite."""
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(values.sum()):  # a sum with NaN or infinity in it is neither; quickly seen
            return
    wrong = ~np.isfinite(values)
    if not wrong.any():  # too large a sum
        return
    neuron, frame = np.argwhere(wrong)[0]
    raise UserError(
        f"the prediction of {row} is finite everywhere; found {wrong.sum():,} values that are not,"
        f" the first {row.prediction[neuron, frame]} of neuron {neuron} in frame {frame}",
        "Look for NaN in the weights, and for frames past the 300th: they have no precision.",
    )
