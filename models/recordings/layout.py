"""What the organisers' folders are made of: names, tiers, files, and how one array is read."""

import threading
import tokenize
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from models.errors import RecordingError

HEIGHT, WIDTH = 36, 64
KINDS = ("videos", "responses", "behavior", "pupil_center")
STATISTICS = ("mean", "std", "min", "max", "median")
TRAIN_TIERS = ("train", "oracle")
MAIN_TIERS = ("live_test_main", "final_test_main")
BONUS_TIERS = ("live_test_bonus", "final_test_bonus")
TEST_TIERS = MAIN_TIERS + BONUS_TIERS
TIERS = (*TRAIN_TIERS, *TEST_TIERS, "none")
OLD_HASH = "8744edeac3b4d1ce16b680916b5267ce"
NEW_HASH = "9b4f6a1a067fe51e15306b9628efea20"
MALFORMED = (ValueError, EOFError, OSError, TypeError, SyntaxError, tokenize.TokenError)
"""What numpy raises for a .npy file whose header or content is damaged."""
_PARSING = threading.Lock()
"""Python's parser, which numpy reads headers with, may fail in two threads at once (CPython 106905)."""


def read_array(path: Path) -> npt.NDArray[np.generic]:
    """Read one .npy file; a missing, truncated or pickled one is a RecordingError that names it."""
    try:
        with path.open("rb") as file:
            array = _content(file)
    except FileNotFoundError as error:
        raise RecordingError(f"{path} is missing", "Unpack the session again.") from error
    except MALFORMED as error:
        reason = str(error).splitlines()[0]
        message = f"{path} is not a readable array: {reason}"
        raise RecordingError(
            message, "Unpack the session again; the file may be cut short."
        ) from error
    return array


def read_header(file: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether in Fortran's order, and type; `file` is left where the content begins."""
    with _PARSING:
        version = np.lib.format.read_magic(file)
        if version == (1, 0):
            return np.lib.format.read_array_header_1_0(file)
        if version == (2, 0):
            return np.lib.format.read_array_header_2_0(file)
    raise ValueError(f"version {version} of the .npy format")


def _content(file: BinaryIO) -> npt.NDArray[np.generic]:
    """As numpy's own reading, which several threads may not do at once."""
    shape, fortran, dtype = read_header(file)
    if dtype.hasobject:
        raise ValueError("it holds pickled objects, which are never opened")
    wanted = np.prod(shape, dtype=np.int64)
    array: npt.NDArray[np.generic] = np.fromfile(file, dtype, wanted)
    if array.size != wanted:
        raise ValueError(f"it holds {array.size} of {wanted} values")
    return array.reshape(shape, order="F" if fortran else "C")


def file_ids(folder: Path) -> list[int]:
    """The ids of the files <id>.npy in a folder, ascending; other files are passed over."""
    names = (file.stem for file in folder.glob("*.npy"))
    return sorted(int(name) for name in names if name.isdecimal() and name == str(int(name)))


def valid_frames(array: npt.NDArray[np.generic]) -> int:
    """Frames (last axis) up to the last one that is not wholly NaN."""
    frames: int = array.shape[-1]
    if array.dtype.kind != "f" or not frames:
        return frames
    missing = np.isnan(array.reshape(-1, array.shape[-1])).all(axis=0)
    return 0 if missing.all() else frames - int(np.argmin(missing[::-1]))


def is_session(path: Path) -> bool:
    """Whether a folder looks like one recording session."""
    return (path / "data").is_dir() and (path / "meta").is_dir()


def session_folders(data: Path) -> list[Path]:
    """The session folders of a data set: `data` itself, or those in it, by name."""
    if not data.is_dir():
        raise RecordingError(
            f"there is no folder {data}", "Give the folder that holds the sessions."
        )
    if is_session(data):
        return [data]
    return sorted(
        path for path in data.iterdir() if path.is_dir() and not path.name.startswith(".")
    )
