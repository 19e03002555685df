"""What a submission file tells by itself, where no recordings are at hand to hold it against."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ensemble.checks.findings import Findings, Place
from ensemble.checks.neurons import Neurons
from ensemble.checks.predictions import Predictions
from ensemble.checks.published import NEURONS, TRIALS
from ensemble.columns import TrialForm
from ensemble.naming import nearest
from ensemble.reader import RawRow, trial_of
from models.errors import Problem

UNCHECKED = (
    "which trials and neurons there are and their order",
    "the frames of each trial",
    "the precision",
    "whether frames are shifted",
)
"""What only recordings tell."""
_CONVENTIONS = {249: 249, 189: 249, 250: 250, 190: 250}
"""Values of the competition's trials, which are of 300 frames or more and of 240."""
_MOST_MICE = 50
"""Of further ones only the names are looked at."""


@dataclass
class _Mouse:
    """What the rows of one mouse have been."""

    ids: npt.NDArray[np.int64] | None = None
    rows: dict[int, Place] = field(default_factory=dict)
    neurons: Neurons | None = None


class Alone:
    """The rows of a file, held against each other and against what is published of the mice."""

    def __init__(self, predictions: Predictions, found: Findings, doubts: Findings) -> None:
        """`predictions` are told the frames; problems go into `found`, warnings into `doubts`."""
        self._predictions, self._found, self._doubts = predictions, found, doubts
        self._mice: dict[str, _Mouse] = {}
        self.form: TrialForm | None = None

    @property
    def mice(self) -> tuple[str, ...]:
        """The mice that have rows, at most the first fifty."""
        return tuple(self._mice)

    def add(self, place: Place, row: RawRow) -> None:
        """Look at one row."""
        trial = trial_of(row.trial) if row.trial is not None else None
        if row.trial is not None and (trial is None or trial < 0):
            self._found.add("a trial is written as 1 or as '1.npy'", place, f"'{row.trial}'")
        if trial is not None:
            self.form = "file" if isinstance(row.trial, str) else "int"
        if row.mouse is not None and (row.mouse in self._mice or len(self._mice) < _MOST_MICE):
            mouse = self._mice.setdefault(row.mouse, _Mouse())
            self._check_trial(place, mouse, trial)
            self._check_ids(place, mouse, row)
            self._note(row.mouse, mouse, row)
        self._check_frames(place, row)

    def finish(self, tier: str | None) -> tuple[list[Problem], list[Problem]]:
        """Problems and warnings that only the whole file shows."""
        kept = (mouse.neurons for mouse in self._mice.values() if mouse.neurons is not None)
        warnings = [warning for neurons in kept for warning in neurons.warnings()]
        if self._mice and not set(self._mice) & set(TRIALS):
            rule = f"the mice are the competition's five, such as {next(iter(TRIALS))}"
            found = f"others, such as {next(iter(self._mice))}: their trials are not known"
            return [], [Problem("file", rule, found), *warnings]
        return self._against_published(tier) if self._mice else [], warnings

    def _against_published(self, tier: str | None) -> list[Problem]:
        problems = []
        for name in self._mice:
            if name not in TRIALS:
                meant = nearest(name, list(TRIALS))
                hint = f"; perhaps {meant} is meant" if meant else ""
                rule = "a mouse is one of the competition's five"
                problems.append(Problem(name, rule, f"'{name}'{hint}"))
        for name, trials in TRIALS.items():
            rows = len(self._mice[name].rows) if name in self._mice else 0
            if tier is not None and rows != trials[tier]:
                rule, found = f"each {tier} trial has a row", f"{rows} of {trials[tier]} trials"
                problems.append(Problem(name, rule, found))
            ids = self._mice[name].ids if name in self._mice else None
            if ids is not None and len(ids) != NEURONS[name]:
                found = f"{len(ids):,} instead of {NEURONS[name]:,}"
                problems.append(Problem(name, "every neuron of a mouse is predicted", found))
        return problems

    def _check_trial(self, place: Place, mouse: _Mouse, trial: int | None) -> None:
        if trial is None:
            return
        first = mouse.rows.setdefault(trial, place)
        if first is not place:
            self._found.add("a trial has one row", place, f"the trial of row {first.row} again")

    def _check_ids(self, place: Place, mouse: _Mouse, row: RawRow) -> None:
        ids = row.neuron_ids
        if ids is None or row.nulls.get("neuron_ids"):
            return
        if row.lengths is not None and len(row.lengths) != len(ids):
            rule = "a prediction has as many neurons as neuron_ids"
            self._found.add(rule, place, f"{len(row.lengths):,} and {len(ids):,} ids")
        if mouse.ids is None:
            mouse.ids = ids.copy()
            if len(np.unique(ids)) != len(ids):
                self._found.add("a neuron id is there once", place, "one twice or more")
        elif not np.array_equal(mouse.ids, ids):
            same = np.array_equal(np.sort(mouse.ids), np.sort(ids))
            found = "the same ids in another order" if same else "other ids"
            self._found.add("all rows of a mouse have the same neuron_ids", place, found)

    def _note(self, name: str, mouse: _Mouse, row: RawRow) -> None:
        prediction = row.prediction
        if prediction is None or row.nulls.get("prediction"):
            return
        if mouse.neurons is None:
            mouse.neurons = Neurons(name, len(prediction))
        if mouse.neurons.count == len(prediction):
            mouse.neurons.add(prediction)

    def _check_frames(self, place: Place, row: RawRow) -> None:
        if row.prediction is None or row.nulls.get("prediction"):
            return
        frames = row.prediction.shape[1]
        if frames in _CONVENTIONS:
            self._predictions.note_convention(place, _CONVENTIONS[frames])
        else:
            rule = "trials have 249 or 250 values a neuron, random dots 189 or 190"
            self._doubts.add(rule, place, str(frames))
