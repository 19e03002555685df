"""One .npy file, opened without trusting it.

Pickled objects are never loaded: opening them can run whatever their author liked.
"""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from models.recordings.checks.findings import Findings

Numbers = npt.NDArray[Any]

EXISTS = "must exist"
READABLE = "must be a whole, readable .npy array"
UNPICKLED = "must hold plain values, not pickled Python objects (they are not opened)"
NUMBERS = "must hold integers or floating-point numbers"


def open_array(path: Path, findings: Findings) -> Numbers | None:
    """The array of a file, mapped and not yet read; None, with a finding, where it cannot be.

    Mapping compares the size that the header promises with the file's before memory is taken.
    """
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        findings.problem(path, EXISTS, "no such file")
    except PermissionError:
        remedy = "Give yourself the right to read the session's files (chmod -R u+rX)."
        findings.problem(path, READABLE, "no permission to read it", remedy)
    except (ValueError, EOFError, OSError, OverflowError, zipfile.BadZipFile) as error:
        _tell(path, findings, str(error))
    else:
        if isinstance(array, np.ndarray):
            return array
        array.close()
        findings.problem(path, READABLE, "a .npz archive")
    return None


def open_numbers(path: Path, findings: Findings) -> Numbers | None:
    """As `open_array`; None, with a finding, for values that are no numbers too."""
    array = open_array(path, findings)
    if array is None or array.dtype.kind in "iuf":
        return array
    findings.problem(path, NUMBERS, f"values of type {array.dtype}")
    return None


def _tell(path: Path, findings: Findings, reason: str) -> None:
    if "object" in reason.lower():
        remedy = "Save it again as a plain array, for example with array.astype('U') or float."
        findings.problem(path, UNPICKLED, "Python objects", remedy)
    else:
        findings.problem(path, READABLE, reason.splitlines()[0] if reason else "no data")
