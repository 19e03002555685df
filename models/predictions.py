"""A run's predictions on disk: one file a mouse, float16, trials end to end."""

import shutil
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from models.errors import RunError
from models.files import replacing
from models.recordings.layout import read_header
from models.runs import PREDICTIONS

Array = npt.NDArray[np.float32]

MALFORMED = (ValueError, TypeError, OSError, EOFError, KeyError, zipfile.BadZipFile)
"""What numpy raises for an archive that is cut short, damaged, or something else."""


def write(run: Path, mouse: str, trials: Mapping[int, Array] | Iterable[tuple[int, Array]]) -> None:
    """Write the predictions (N, T) of each trial of a mouse, by trial number.

    They are taken one at a time: of pairs that are made as they are asked for, only one is in memory.
    Whatever happens until the last, the file that was there before stays.
    """
    pairs = trials.items() if isinstance(trials, Mapping) else trials
    path = _file(run, mouse)
    with replacing(path) as temporary, tempfile.TemporaryFile(dir=path.parent) as values:
        numbers, shapes = [], []
        for number, prediction in pairs:
            numbers.append(number)
            shapes.append(prediction.shape[::-1])
            values.write(prediction.T.astype(np.float16).tobytes())
        values.seek(0)
        _write_archive(temporary, numbers, shapes, values)


def _write_archive(
    path: Path, numbers: list[int], shapes: list[tuple[int, ...]], values: IO[bytes]
) -> None:
    """The .npz of trials whose values (T, N) of these shapes lie end to end in a file."""
    lengths = [length for length, _ in shapes]
    sizes = {neurons for _, neurons in shapes} or {0}
    if len(sizes) > 1:
        raise ValueError(f"all trials of a mouse have the same neurons; found {sorted(sizes)}")
    described = np.lib.format.dtype_to_descr(np.dtype(np.float16))
    header = {"descr": described, "fortran_order": False, "shape": (sum(lengths), *sizes)}
    # As numpy.savez would, but for the values, which it wants in memory.
    with zipfile.ZipFile(path, "w") as archive:
        for name, column in (("trials", numbers), ("lengths", lengths)):
            with archive.open(f"{name}.npy", "w") as member:
                np.lib.format.write_array(member, np.array(column, dtype=np.int64))
        with archive.open("values.npy", "w", force_zip64=True) as member:
            np.lib.format.write_array_header_1_0(member, header)
            shutil.copyfileobj(values, member)


def read(run: Path, mouse: str) -> dict[int, Array]:
    """The predictions (N, T) of each trial of a mouse; a missing file is a RunError."""
    trials, lengths, values = _arrays(run, mouse, "trials", "lengths", "values")
    parts = np.split(values.astype(np.float32), np.cumsum(lengths)[:-1])
    pairs = zip(trials.tolist(), parts, strict=True) if len(trials) else ()
    return {trial: part.T for trial, part in pairs}


def file_name(mouse: str) -> str:
    """Of a mouse's predictions, relative to the run's folder."""
    return f"{PREDICTIONS}/{mouse}.npz"


class Opened(Mapping[int, Array]):
    """The predictions (N, T) of each trial of a mouse; one is read when it is asked for.

    Opening raises RunError as `read` does. What is damaged among the values is not found.
    """

    def __init__(self, run: Path, mouse: str) -> None:
        trials, lengths = _arrays(run, mouse, "trials", "lengths")
        self._path = _file(run, mouse)
        self._start, self._neurons = _values(self._path, int(lengths.sum()))
        starts = np.cumsum(lengths) - lengths
        places = zip(starts.tolist(), lengths.tolist(), strict=True)
        self._places = dict(zip(trials.tolist(), places, strict=True))

    def __getitem__(self, trial: int) -> Array:
        first, length = self._places[trial]
        width = self._neurons * np.dtype(np.float16).itemsize
        place, count = self._start + first * width, length * self._neurons
        values = np.fromfile(self._path, np.float16, count, offset=place)
        return values.reshape(length, self._neurons).T.astype(np.float32)

    def __iter__(self) -> Iterator[int]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def predicted_trials(run: Path, mouse: str) -> list[int]:
    """The trials of a mouse that are predicted, without their values; a missing file is a RunError."""
    (trials,) = _arrays(run, mouse, "trials")
    return [int(trial) for trial in trials]


def _arrays(run: Path, mouse: str, *names: str) -> list[npt.NDArray[Any]]:
    path = _file(run, mouse)
    try:
        with path.open("rb") as file, np.load(file) as archive:
            return [archive[name] for name in names]
    except FileNotFoundError as error:
        raise RunError(f"{path} is missing", "Only complete runs have predictions.") from error
    except MALFORMED as error:
        raise RunError(f"{path} is not readable: {error}", "Train this run again.") from error


def _values(path: Path, frames: int) -> tuple[int, int]:
    """Where the values begin in an archive, which holds them as they are, and their neurons."""
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            member = archive.getinfo("values.npy")
            if member.compress_type != zipfile.ZIP_STORED:
                raise ValueError("values that are compressed")
            file.seek(member.header_offset + 26)  # where the lengths of name and extra field are
            name, extra = (int.from_bytes(file.read(2), "little") for _ in range(2))
            file.seek(name + extra, 1)
            shape, fortran, kind = read_header(file)
            if fortran or kind != np.float16 or shape[:1] != (frames,):
                raise ValueError(f"values of shape {shape} and type {kind}")
            return file.tell(), int(np.prod(shape[1:]))
    except MALFORMED as error:
        raise RunError(f"{path} is not readable: {error}", "Train this run again.") from error


def _file(run: Path, mouse: str) -> Path:
    return run / file_name(mouse)
