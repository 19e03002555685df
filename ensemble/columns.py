"""The four columns of a submission as Arrow types and arrays.

Names, order and types are those that pandas gives a table of nested lists, so that readers see no
difference; the arrays are made from numpy buffers, without a Python list in between.
"""

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

TrialForm = Literal["int", "file"]
FloatType = Literal["float64", "float32"]
COLUMNS = ("mouse", "trial_indices", "prediction", "neuron_ids")
PREDICTION_LEAF = "prediction.list.element.list.element"
NEURON_IDS_LEAF = "neuron_ids.list.element"


def schema(trial_indices: TrialForm = "int", dtype: FloatType = "float64") -> Any:
    """The Arrow schema of a submission; with `trial_indices` "file" that column holds '1.npy'."""
    trial = pa.int64() if trial_indices == "int" else pa.large_string()
    types = (pa.large_string(), trial, _lists(_lists(pa.type_for_alias(dtype))), _lists(pa.int64()))
    return pa.schema(list(zip(COLUMNS, types, strict=True)))


def record_batch(
    columns: Any,
    mouse: str,
    trial: int,
    prediction: npt.NDArray[np.floating],
    neuron_ids: npt.NDArray[np.integer],
) -> Any:
    """One row of the schema `columns`, from (N, F) predictions and (N,) ids.

    The predictions must be contiguous and of the schema's type. Both buffers are taken over without
    a copy where the type allows it, so they must not change while the batch is in use.
    """
    neurons, frames = prediction.shape
    kinds = columns.types
    cell = trial if pa.types.is_integer(kinds[1]) else f"{trial}.npy"
    ids = neuron_ids.astype(np.int64, copy=False)
    per_neuron = np.arange(neurons + 1) * frames
    per_row = np.array([0, neurons])
    flat = _list_array(kinds[2].value_type, per_neuron, prediction.reshape(-1))
    arrays = [
        pa.array([mouse], kinds[0]),
        pa.array([cell], kinds[1]),
        _list_array(kinds[2], per_row, flat),
        _list_array(kinds[3], per_row, ids),
    ]
    return pa.record_batch(arrays, schema=columns)


def numpy_type(columns: Any) -> type[np.floating]:
    """The numpy type of a schema's predictions."""
    kind: type[np.floating] = columns.field(
        "prediction"
    ).type.value_type.value_type.to_pandas_dtype()
    return kind


def _lists(of: Any) -> Any:
    """A list type whose child is called as Parquet and pandas call it."""
    return pa.list_(pa.field("element", of))


def _list_array(kind: Any, offsets: npt.NDArray[np.integer], values: Any) -> Any:
    """Lists of `kind` between `offsets` into `values`."""
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(values), type=kind)
