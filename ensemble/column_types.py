"""Which Arrow types the columns of a submission may have, by column."""

from collections.abc import Callable
from typing import Any

import pyarrow.types as pt

WANTED = {
    "mouse": "a string",
    "trial_indices": "int64, or a string such as '1.npy'",
    "prediction": "list<list<double>>, or of float",
    "neuron_ids": "list<int64>",
}
"""The types to write, in words."""


def _is_text(kind: Any) -> bool:
    return bool(pt.is_string(kind) or pt.is_large_string(kind))


def _is_category(kind: Any) -> bool:
    return bool(pt.is_dictionary(kind) and _is_text(kind.value_type))


def _is_list(kind: Any, of: Callable[[Any], bool]) -> bool:
    return bool(pt.is_list(kind) or pt.is_large_list(kind)) and of(kind.value_type)


def _is_prediction(kind: Any) -> bool:
    return _is_list(kind, lambda row: _is_list(row, lambda x: pt.is_float64(x) or pt.is_float32(x)))


EXACT: dict[str, Callable[[Any], bool]] = {
    "mouse": _is_text,
    "trial_indices": lambda kind: pt.is_int64(kind) or _is_text(kind),
    "prediction": _is_prediction,
    "neuron_ids": lambda kind: _is_list(kind, pt.is_int64),
}
"""Types that accepted submissions hold."""
READABLE: dict[str, Callable[[Any], bool]] = {
    "mouse": lambda kind: _is_text(kind) or _is_category(kind),
    "trial_indices": lambda kind: pt.is_integer(kind) or _is_text(kind) or _is_category(kind),
    "prediction": _is_prediction,
    "neuron_ids": lambda kind: _is_list(kind, pt.is_integer),
}
"""Types whose values can be told, though no accepted submission is known to hold them."""
