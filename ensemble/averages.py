"""Correlation to average, collected row by row."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.metrics import Correlation

Array = npt.NDArray[np.floating]


@dataclass
class _Sums:
    """Over the repeats of one film; both (N, F)."""

    prediction: npt.NDArray[np.float64]
    response: npt.NDArray[np.float64]
    repeats: int = 1


class Averages:
    """Sums over the repeats of each film, of the mice that are not closed yet.

    A film that was shown once only does not count: nothing is averaged there.
    """

    def __init__(self) -> None:
        self._open: dict[str, dict[tuple[str, str, int], _Sums]] = {}
        self._found: dict[str, dict[str, npt.NDArray[np.float64]]] = {}

    def add(self, mouse: str, kind: str, film: str, prediction: Array, response: Array) -> None:
        """Add (N, F) of both of one trial, as the server has them.

        Repeats of a film with other numbers of frames count as another film.
        """
        films = self._open.setdefault(mouse, {})
        place = (kind, film, prediction.shape[1])
        if place not in films:
            films[place] = _Sums(prediction.astype(np.float64), response.astype(np.float64))
            return
        sums = films[place]
        sums.prediction += prediction
        sums.response += response
        sums.repeats += 1

    def close(self, mouse: str) -> None:
        """Count what there is of a mouse, and let go of its sums; no more of it may be added."""
        correlations: dict[str, Correlation] = {}
        for (kind, _, _), sums in self._open.pop(mouse, {}).items():
            if sums.repeats > 1:
                correlation = correlations.setdefault(kind, Correlation())
                correlation.add(sums.prediction / sums.repeats, sums.response / sums.repeats)
        for kind, correlation in correlations.items():
            if correlation.frames:
                self._found.setdefault(kind, {})[mouse] = correlation.per_neuron()

    def per_neuron(self) -> dict[str, dict[str, npt.NDArray[np.float64]]]:
        """(N,) by kind and mouse; closes all mice. Empty where no film was repeated."""
        for mouse in [*self._open]:
            self.close(mouse)
        return self._found
