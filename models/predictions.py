"""A run's predictions on disk: one file a mouse, float16, trials end to end."""

import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.errors import RunError
from models.files import replacing

Array = npt.NDArray[np.float32]

MALFORMED = (ValueError, TypeError, OSError, EOFError, KeyError, zipfile.BadZipFile)
"""What numpy raises for an archive that is cut short, damaged, or something else."""


def write(run: Path, mouse: str, trials: Mapping[int, Array]) -> None:
    """Write the predictions (N, T) of each trial of a mouse, by trial number."""
    lengths = [prediction.shape[1] for prediction in trials.values()]
    values = [prediction.T for prediction in trials.values()]  # time-major: trials lie end to end
    with replacing(_file(run, mouse)) as temporary, temporary.open("wb") as file:
        np.savez(
            file,
            trials=np.array(list(trials), dtype=np.int64),
            lengths=np.array(lengths, dtype=np.int64),
            values=np.concatenate(values or [np.empty((0, 0), np.float32)]).astype(np.float16),
        )


def read(run: Path, mouse: str) -> dict[int, Array]:
    """The predictions (N, T) of each trial of a mouse; a missing file is a RunError."""
    path = _file(run, mouse)
    try:
        with path.open("rb") as file, np.load(file) as archive:
            trials, lengths, values = (archive[name] for name in ("trials", "lengths", "values"))
    except FileNotFoundError as error:
        raise RunError(f"{path} is missing", "Only complete runs have predictions.") from error
    except MALFORMED as error:
        raise RunError(f"{path} is not readable: {error}", "Train this run again.") from error
    parts = np.split(values.astype(np.float32), np.cumsum(lengths)[:-1])
    pairs = zip(trials.tolist(), parts, strict=True) if len(trials) else ()
    return {trial: part.T for trial, part in pairs}


def _file(run: Path, mouse: str) -> Path:
    return run / "predictions" / f"{mouse}.npz"
