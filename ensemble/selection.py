"""How many of the best runs to average: the prefix of the ranking with the best held-out score.

Pure: predictions and responses in, a choice out. Scores are `models.metrics` in raw units over the
frames the server would score, as runs validate.

The score of the chosen prefix is in-sample: the same trials ranked the runs and chose their number,
so it is a little optimistic. Only trials that nothing was chosen on give an honest figure.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.metrics import Array, Correlation, over_mice, scored_frames

Trials = Mapping[int, Array]
"""(N, T) of each trial of a mouse, by file id."""


@dataclass(frozen=True)
class Prefix:
    """The best so many runs, together."""

    members: int
    label: str
    """The run that joined last."""
    single: float
    """The score of that run alone."""
    mean: float
    """The score of the plain mean of all of them."""


@dataclass(frozen=True)
class Selection:
    """Every prefix with its in-sample score, and how many runs the best one has; 0 of none."""

    prefixes: tuple[Prefix, ...]
    chosen: int

    @property
    def best(self) -> Prefix:
        """The chosen prefix."""
        return self.prefixes[self.chosen - 1]

    @property
    def reason(self) -> str:
        """Why it is that one, in numbers."""
        if not self.prefixes:
            return "there was no run to choose by its held-out score"
        if len(self.prefixes) == 1:
            return "only one run can take part, so there is nothing to average"
        if self.chosen > 1:
            first = self.prefixes[0]
            together = f"the mean of the top {self.chosen} scored {self.best.mean:.4f}"
            return f"on the held-out fold {together}, the best run alone {first.mean:.4f}"
        rival = max(self.prefixes[1:], key=lambda prefix: prefix.mean)
        together = f"the mean of the top {rival.members} scored {rival.mean:.4f}"
        return f"on the held-out fold {together}, the best run alone {self.best.mean:.4f}"


class PrefixScores:
    """Scores of M ranked runs and of their running means, collected mouse by mouse.

    Memory beside the arguments: one mouse's running sum of predictions.
    """

    def __init__(self, members: int) -> None:
        self._single: list[dict[str, npt.NDArray[np.float64]]] = [{} for _ in range(members)]
        self._mean: list[dict[str, npt.NDArray[np.float64]]] = [{} for _ in range(members)]

    def add(self, mouse: str, predictions: Iterable[Trials], responses: Trials) -> None:
        """Add a mouse: one run's predictions after the other, and the responses to the same trials.

        A mouse without trials adds nothing. Raises KeyError for a trial without prediction.
        """
        if not responses:
            return
        total: dict[int, Array] = {}
        for index, predicted in enumerate(predictions):
            for trial in responses:
                total[trial] = total.get(trial, np.float32(0)) + predicted[trial]
            self._single[index][mouse] = _score(predicted, responses)
            self._mean[index][mouse] = _score(total, responses, index + 1)

    def select(self, labels: Sequence[str]) -> Selection:
        """The best prefix; of equal ones the shortest. `labels` name the runs, the best first."""
        pairs = zip(labels, self._single, self._mean, strict=True)
        prefixes = tuple(
            Prefix(index, label, over_mice(single), over_mice(mean))
            for index, (label, single, mean) in enumerate(pairs, start=1)
        )
        chosen = int(np.argmax([prefix.mean for prefix in prefixes])) + 1
        return Selection(prefixes, chosen)


def _score(predicted: Trials, responses: Trials, count: int = 1) -> npt.NDArray[np.float64]:
    """(N,) correlations over a mouse's trials put end to end; `predicted` is a sum of `count`."""
    correlation = Correlation()
    for trial, response in responses.items():
        frames = scored_frames(response.shape[1])
        correlation.add(predicted[trial][:, frames] / count, response[:, frames])
    return correlation.per_neuron()
