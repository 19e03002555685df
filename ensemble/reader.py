"""Submission files, ours or anyone's, read one row at a time without Python lists.

Files that pandas wrote hold a single row group of many gigabytes. So rows come in batches of one,
pages are read through a small buffer, and pyarrow's habit of fetching all row groups beforehand is
switched off: it would hold the whole file.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from ensemble.column_types import READABLE
from ensemble.columns import COLUMNS
from ensemble.submission import Row
from models.errors import UserError

DAMAGE = (pa.ArrowException, OSError, UnicodeDecodeError)
"""What pyarrow raises for files that are cut, damaged or none."""
_BUFFER = 1 << 20
_FILE_NAME = re.compile(r"(\d+)\.npy", re.ASCII)


@dataclass(frozen=True)
class RawRow:
    """One row as it stands in the file, wrong or not; None for columns that were not asked for."""

    mouse: str | None = None
    trial: int | str | None = None
    values: npt.NDArray[np.floating] | None = None
    """The predictions of all neurons end to end; NaN where the file has a null."""
    lengths: npt.NDArray[np.int64] | None = None
    """(N,) frames of each neuron; 0 where the file has a null."""
    neuron_ids: npt.NDArray[np.int64] | None = None
    nulls: dict[str, int] = field(default_factory=dict)
    """How many nulls each column holds instead of cells or neurons; columns without are left out."""

    @property
    def prediction(self) -> npt.NDArray[np.floating] | None:
        """(N, F); None where neurons have different numbers of frames."""
        if self.values is None or self.lengths is None or not len(self.lengths):
            return None
        if (self.lengths != self.lengths[0]).any():
            return None
        return self.values.reshape(len(self.lengths), self.lengths[0])


def open_parquet(path: Path) -> Any:
    """The Parquet file at `path`, to be closed by the caller; UserError where it cannot be read."""
    if not path.is_file():
        raise UserError(f"there is no file {path}", "Give the path of a submission file.")
    try:
        return pq.ParquetFile(path, buffer_size=_BUFFER, pre_buffer=False)
    except DAMAGE as error:
        raise unreadable(path, error) from error


def unreadable(path: Path, error: Exception) -> UserError:
    """Say that a file is no whole Parquet file."""
    message = f"{path} is not a readable Parquet file: {str(error).splitlines()[0]}"
    return UserError(message, "Write it again; it may have been cut short.")


def raw_rows(file: Any, columns: Sequence[str] = COLUMNS) -> Iterator[RawRow]:
    """The rows of an open Parquet file, with those of its `columns` that are asked for.

    They must have a submission's types. Raises one of DAMAGE for damaged pages.
    """
    for batch in file.iter_batches(batch_size=1, columns=list(columns)):
        for index in range(batch.num_rows):
            yield _raw_row(batch.slice(index, 1))


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a submission, in the file's order, with values and ids as they were written.

    '1.npy' is trial 1, and a null among the values, which is what pandas makes of NaN, is
    NaN again. Raises
    UserError for a file that is not readable, has other columns, or holds other nulls or neurons with
    different numbers of frames.
    """
    with open_parquet(path) as file:
        _check_columns(path, file.schema_arrow)
        try:
            yield from (_row(path, number, raw) for number, raw in enumerate(raw_rows(file)))
        except DAMAGE as error:
            raise unreadable(path, error) from error


def trial_of(cell: int | str | None) -> int | None:
    """The trial of 1 or '1.npy'; None for anything else."""
    if isinstance(cell, str):
        match = _FILE_NAME.fullmatch(cell)
        return int(match[1]) if match else None
    return cell


def _check_columns(path: Path, schema: Any) -> None:
    absent = [name for name in COLUMNS if name not in schema.names]
    wrong = [n for n in COLUMNS if n not in absent and not READABLE[n](schema.field(n).type)]
    if absent or wrong:
        found = [f"no {name}" for name in absent]
        found += [f"{name} of type {schema.field(name).type}" for name in wrong]
        message = f"{path} has the columns {', '.join(COLUMNS)}; found {', '.join(found)}"
        raise UserError(message, f"Run 'python -m ensemble check {path}' for all problems.")


def _row(path: Path, number: int, raw: RawRow) -> Row:
    trial, prediction = trial_of(raw.trial), raw.prediction
    if (
        raw.nulls
        or raw.mouse is None
        or trial is None
        or raw.neuron_ids is None
        or prediction is None
    ):
        message = f"row {number} of {path} is incomplete or has neurons of different lengths"
        raise UserError(message, f"Run 'python -m ensemble check {path}' for all problems.")
    return Row(raw.mouse, trial, prediction, raw.neuron_ids)


def _raw_row(batch: Any) -> RawRow:
    """A row from a record batch of one row."""
    found: dict[str, Any] = {}
    nulls: dict[str, int] = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        parts, nulls[name] = _READERS[name](column)
        found |= parts
    return RawRow(**found, nulls={name: count for name, count in nulls.items() if count})


def _mouse(column: Any) -> tuple[dict[str, Any], int]:
    return {"mouse": column[0].as_py()}, column.null_count


def _trial(column: Any) -> tuple[dict[str, Any], int]:
    return {"trial": column[0].as_py()}, column.null_count


def _prediction(column: Any) -> tuple[dict[str, Any], int]:
    neurons = column.flatten()
    values = neurons.flatten()
    lengths = neurons.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    # Nulls among the values are read as NaN, which is what pandas writes them for.
    nulls = column.null_count + neurons.null_count
    parts = {"values": values.to_numpy(zero_copy_only=False), "lengths": lengths.astype(np.int64)}
    return parts, nulls


def _neuron_ids(column: Any) -> tuple[dict[str, Any], int]:
    ids = column.flatten()
    present = ids.drop_null().to_numpy(zero_copy_only=False).astype(np.int64)
    return {"neuron_ids": present}, column.null_count + ids.null_count


_READERS = dict(zip(COLUMNS, (_mouse, _trial, _prediction, _neuron_ids), strict=True))
