"""One .npy file, opened without trusting it.

Pickled objects are never loaded: opening them can run whatever their author liked.
"""

import tokenize
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from models.recordings.checks.findings import MAY_READ, Findings

Numbers = npt.NDArray[Any]

EXISTS = "must exist"
READABLE = "must be a whole, readable .npy array"
UNPICKLED = "must hold plain values, not pickled Python objects (they are not opened)"
NUMBERS = "must hold integers or floating-point numbers"

MALFORMED = (
    *(ValueError, TypeError, EOFError, SyntaxError, tokenize.TokenError),
    *(OverflowError, MemoryError, RecursionError),
)
"""What numpy raises over a header that is not one: it is read as Python source."""


def open_array(path: Path, findings: Findings) -> Numbers | None:
    """The array of a file, mapped and not yet read; None, with a finding, where it cannot be.

    Mapping compares the size that the header promises with the file's before memory is taken.
    """
    try:
        with warnings.catch_warnings(action="ignore"):  # of headers that old versions wrote
            return np.lib.format.open_memmap(path, mode="r")
    except FileNotFoundError:
        findings.problem(path, EXISTS, "no such file")
    except PermissionError:
        findings.problem(path, READABLE, "no permission to read it", MAY_READ)
    except OSError as error:
        findings.problem(path, READABLE, error.strerror or str(error))
    except MALFORMED as error:
        _tell(path, findings, str(error))
    return None


def open_numbers(path: Path, findings: Findings) -> Numbers | None:
    """As `open_array`; None, with a finding, for values that are no numbers too."""
    array = open_array(path, findings)
    if array is None or array.dtype.kind in "iuf":
        return array
    findings.problem(path, NUMBERS, f"values of type {array.dtype}")
    return None


def is_there(path: Path) -> bool:
    """Whether there is a file, as far as one is allowed to see."""
    try:
        return path.exists()
    except OSError:
        return False


def _tell(path: Path, findings: Findings, reason: str) -> None:
    if "Python objects" in reason:
        remedy = "Save it again as a plain array, for example with array.astype('U') or float."
        findings.problem(path, UNPICKLED, "Python objects", remedy)
    else:
        told = f" (numpy: {reason.splitlines()[0]})" if reason else ""
        findings.problem(path, READABLE, f"a file that is cut short or no array{told}")
