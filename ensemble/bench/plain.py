"""The plain ways with submission files: pandas, with nested Python lists, everything in memory."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ensemble.bench.made import mice, slice_of
from ensemble.submission import Row


def write_records(path: Path, rows: Sequence[Row], schema: Any = None) -> None:
    """Records of nested Python lists through pandas, as the winner's and the organisers' code do it.

    Python's floats are float64, so this is the file's type as well, but for another Arrow `schema`.
    """
    records = [
        {
            "mouse": row.mouse,
            "trial_indices": row.trial,
            "prediction": row.prediction.tolist(),
            "neuron_ids": row.neuron_ids.tolist(),
        }
        for row in rows
    ]
    options = {} if schema is None else {"schema": schema}
    pd.DataFrame(records).to_parquet(path, compression="brotli", engine="pyarrow", **options)


def written(path: str, share: str) -> float:
    """Seconds to write the slice, in a process of its own."""
    rows = slice_of(mice(float(share)))
    began = time.perf_counter()
    write_records(Path(path), rows)
    return time.perf_counter() - began


def read(path: str) -> float:
    """How many values a file holds that pandas reads whole."""
    table = pd.read_parquet(path)
    return float(sum(len(neuron) for row in table["prediction"] for neuron in row))
