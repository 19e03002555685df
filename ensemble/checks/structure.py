"""Whether a Parquet file has a submission's compression, columns and types."""

from collections.abc import Callable
from typing import Any

import pyarrow.types as pt

from ensemble.columns import COLUMNS
from models.errors import Problem

_WANTED = {
    "mouse": "a string",
    "trial_indices": "int64, or a string such as '1.npy'",
    "prediction": "list<list<double>>, or of float",
    "neuron_ids": "list<int64>",
}


class Structure:
    """Problems of a file as a whole, and the columns whose rows can be looked at."""

    def __init__(self, file: Any) -> None:
        """Look at an open Parquet file; no row is read."""
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []
        self.readable: list[str] = []
        self._check_compression(file.metadata)
        self._check_names(file.schema_arrow.names)
        for name in COLUMNS:
            if name in file.schema_arrow.names:
                self._check_type(name, file.schema_arrow.field(name).type)

    def _check_compression(self, metadata: Any) -> None:
        used = {
            metadata.row_group(group).column(column).compression
            for group in range(metadata.num_row_groups)
            for column in range(metadata.row_group(group).num_columns)
        }
        if used - {"BROTLI"}:
            found = ", ".join(sorted(used))
            self.problems.append(Problem("file", "every column is compressed with Brotli", found))

    def _check_names(self, names: list[str]) -> None:
        if names == list(COLUMNS):
            return
        missing = [name for name in COLUMNS if name not in names]
        extra = [name for name in names if name not in COLUMNS]
        found = [f"no {name}" for name in missing] + [f"also {name}" for name in extra]
        found = found or [f"the order {', '.join(names)}"]
        rule = f"the columns are exactly {', '.join(COLUMNS)}"
        self.problems.append(Problem("columns", rule, ", ".join(found)))

    def _check_type(self, name: str, kind: Any) -> None:
        where, rule = f"column {name}", f"the type is {_WANTED[name]}"
        if not _READABLE[name](kind):
            self.problems.append(Problem(where, rule, str(kind)))
            return
        self.readable.append(name)
        if not _EXACT[name](kind):
            self.warnings.append(Problem(where, rule, str(kind)))


def _is_text(kind: Any) -> bool:
    return bool(pt.is_string(kind) or pt.is_large_string(kind))


def _is_category(kind: Any) -> bool:
    return bool(pt.is_dictionary(kind) and _is_text(kind.value_type))


def _is_list(kind: Any, of: Callable[[Any], bool]) -> bool:
    return bool(pt.is_list(kind) or pt.is_large_list(kind)) and of(kind.value_type)


def _is_prediction(kind: Any) -> bool:
    return _is_list(kind, lambda row: _is_list(row, lambda x: pt.is_float64(x) or pt.is_float32(x)))


_EXACT: dict[str, Callable[[Any], bool]] = {
    "mouse": _is_text,
    "trial_indices": lambda kind: pt.is_int64(kind) or _is_text(kind),
    "prediction": _is_prediction,
    "neuron_ids": lambda kind: _is_list(kind, pt.is_int64),
}
_READABLE: dict[str, Callable[[Any], bool]] = {
    "mouse": lambda kind: _is_text(kind) or _is_category(kind),
    "trial_indices": lambda kind: pt.is_integer(kind) or _is_text(kind) or _is_category(kind),
    "prediction": _is_prediction,
    "neuron_ids": lambda kind: _is_list(kind, pt.is_integer),
}
