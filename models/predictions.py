"""A run's predictions on disk: one file a mouse, float16, trials end to end."""

import tempfile
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from models.errors import RunError
from models.files import replacing

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
    with (
        replacing(path) as temporary,
        temporary.open("wb") as file,
        tempfile.TemporaryFile(dir=path.parent) as end_to_end,
    ):
        numbers, shapes = [], []
        for number, prediction in pairs:
            numbers.append(number)
            shapes.append(prediction.shape[::-1])
            end_to_end.write(prediction.T.astype(np.float16).tobytes())
        np.savez(
            file,
            trials=np.array(numbers, dtype=np.int64),
            lengths=np.array([length for length, _ in shapes], dtype=np.int64),
            values=_mapped(end_to_end, shapes),
        )


def _mapped(file: IO[bytes], shapes: list[tuple[int, ...]]) -> npt.NDArray[np.float16]:
    """(frames, N) of trials (T, N) that lie end to end in a file, which stays on the disk."""
    sizes = {neurons for _, neurons in shapes} or {0}
    if len(sizes) > 1:
        raise ValueError(f"all trials of a mouse have the same neurons; found {sorted(sizes)}")
    shape = sum(length for length, _ in shapes), sizes.pop()
    if 0 in shape:
        return np.empty(shape, np.float16)  # no file of no bytes can be mapped
    file.flush()
    return np.memmap(file, np.float16, "r", shape=shape)


def read(run: Path, mouse: str) -> dict[int, Array]:
    """The predictions (N, T) of each trial of a mouse; a missing file is a RunError."""
    trials, lengths, values = _arrays(run, mouse, "trials", "lengths", "values")
    parts = np.split(values.astype(np.float32), np.cumsum(lengths)[:-1])
    pairs = zip(trials.tolist(), parts, strict=True) if len(trials) else ()
    return {trial: part.T for trial, part in pairs}


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


def _file(run: Path, mouse: str) -> Path:
    return run / "predictions" / f"{mouse}.npz"
