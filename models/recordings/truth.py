"""What the organisers know and competitors do not: withheld and noise-free responses.

Generated recordings come with a folder beside them, `<data>.truth`, which training never reads:

    <data>.truth/recipe.json
    <data>.truth/<session>/trials.json             film, kind and tier of every trial, by file id
    <data>.truth/<session>/responses/<i>.npy       (N, T) noisy responses, every trial of a test tier
    <data>.truth/<session>/noise_free/<i>.npy      (N, T) their expectation, all tiers but train

The score of the noise-free responses themselves is the ceiling that no model can beat on average.
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from models.errors import RecordingError
from models.files import write_json
from models.recordings.layout import read_array
from models.recordings.store.folders import SUFFIX as PACKED

Array = npt.NDArray[np.float32]

SUFFIX = ".truth"
RESPONSES, NOISE_FREE, TRIALS = "responses", "noise_free", "trials.json"


def truth_folder(data: Path) -> Path:
    """Where the truth of the recordings in `data`, packed or not, lies, whether it exists or not."""
    resolved = data.resolve()
    return resolved.parent / f"{resolved.name.removesuffix(PACKED)}{SUFFIX}"


class Truth:
    """Reads a truth folder; raises RecordingError if it is missing.

    Everything is None where it does not apply or where the mouse or the trial is unknown.
    """

    def __init__(self, folder: Path) -> None:
        if not (folder / "recipe.json").is_file():
            message = f"{folder} holds no truth: only generated recordings have one beside them"
            raise RecordingError(message, "Make some with 'python -m models synth DIR'.")
        self.folder = folder
        self._trials = cache(self._read_trials)

    def responses(self, mouse: str, trial: int) -> Array | None:
        """(N, T) noisy responses of the valid frames, raw units; None outside the test tiers."""
        return self._array(mouse, RESPONSES, trial)

    def noise_free(self, mouse: str, trial: int) -> Array | None:
        """(N, T) expected responses given film, behaviour and gaze; None in the train tier."""
        return self._array(mouse, NOISE_FREE, trial)

    def kind(self, mouse: str, trial: int) -> str | None:
        """The kind of out-of-distribution stimulus of a bonus trial, else None."""
        return self._entry(mouse, trial, "kind")

    def video_id(self, mouse: str, trial: int) -> str | None:
        """The film's name, which all repeats of it share in every mouse."""
        return self._entry(mouse, trial, "film")

    def _array(self, mouse: str, what: str, trial: int) -> Array | None:
        path = self.folder / mouse / what / f"{trial}.npy"
        return read_array(path).astype(np.float32) if path.exists() else None

    def _entry(self, mouse: str, trial: int, key: str) -> str | None:
        value = self._trials(mouse).get(str(trial), {}).get(key)
        return None if value is None else str(value)

    def _read_trials(self, mouse: str) -> dict[str, dict[str, Any]]:
        path = self.folder / mouse / TRIALS
        if not path.exists():
            return {}
        try:
            trials: dict[str, dict[str, Any]] = json.loads(path.read_text())
        except (OSError, ValueError) as error:
            message = f"{path} is not readable: {error}"
            raise RecordingError(message, "Generate the recordings again.") from error
        return trials


def save_trials(folder: Path, trials: Mapping[int, Mapping[str, str | None]]) -> None:
    """Write the table of one session: `film`, `kind` (None for natural films) and `tier` a trial."""
    write_json(folder / TRIALS, {str(trial): dict(entry) for trial, entry in trials.items()})


def save_array(folder: Path, what: str, trial: int, array: Array) -> None:
    """Write `responses` or `noise_free` (N, T) of one trial of one session."""
    path = folder / what / f"{trial}.npy"
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, array)
