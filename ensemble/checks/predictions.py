"""Whether the predictions have the right neurons and frames, and sound values."""

from collections import Counter

import numpy as np
import numpy.typing as npt

from ensemble.checks.findings import Findings, Place
from ensemble.checks.lag import Lag
from ensemble.checks.neurons import Neurons
from ensemble.reader import RawRow
from models.answers import Answers
from models.errors import Problem
from models.metrics import scored_count
from models.recordings.session import Session

CONVENTIONS = (249, 250)


class Predictions:
    """The predictions of a submission, row by row; memory does not grow with their number."""

    def __init__(
        self, problems: Findings, warnings: Findings, answers: Answers | None = None
    ) -> None:
        """`answers` are the known responses, if any, to compare with."""
        self._problems = problems
        self._answers = answers
        self._warnings = warnings
        self._conventions: Counter[int] = Counter()
        self._first: dict[int, Place] = {}
        self._neurons: dict[str, Neurons] = {}
        self._lags: dict[str, Lag] = {}
        self.values = 0

    @property
    def frames(self) -> int | None:
        """The convention that all rows follow so far; None where they do not, or none tells."""
        return next(iter(self._conventions)) if len(self._conventions) == 1 else None

    def add(self, place: Place, row: RawRow, session: Session | None, trial: int | None) -> None:
        """Look at one row, which is about this trial, as far as that is known."""
        for name, count in row.nulls.items():
            self._problems.add("no cell is null", place, f"{count:,} in {name}")
        if session is not None:
            self._check_ids(place, row, session)
        if row.values is None:
            return
        self.values += row.values.size
        self._check_values(place, row.values)
        if not row.nulls.get("prediction"):
            self._check_shape(place, row, session, trial)

    def note_convention(self, place: Place, frames: int) -> None:
        """Note that a row follows the convention of 249 or of 250 values."""
        self._conventions[frames] += 1
        self._first.setdefault(frames, place)

    def finish(self) -> tuple[list[Problem], list[Problem]]:
        """Problems and warnings that only the whole file shows."""
        warnings = [w for neurons in self._neurons.values() for w in neurons.warnings()]
        warnings += [w for lag in self._lags.values() for w in lag.warnings()]
        return self._mixed_conventions(), warnings

    def _mixed_conventions(self) -> list[Problem]:
        if len(self._conventions) < 2:
            return []
        told = [f"as with {c}: {n:,}, first {self._first[c]}" for c, n in self._conventions.items()]
        rule = "trials of 300 frames have either 249 or 250 values throughout, shorter ones accordingly"
        return [Problem("frames", rule, "; ".join(told))]

    def _check_ids(self, place: Place, row: RawRow, session: Session) -> None:
        ids, wanted = row.neuron_ids, session.unit_ids
        if ids is None or row.nulls.get("neuron_ids") or np.array_equal(ids, wanted):
            return
        rule = "neuron_ids are those of unit_ids.npy, in its order"
        if len(ids) != len(wanted):
            found = f"{len(ids):,} ids instead of {len(wanted):,}"
        elif np.array_equal(np.sort(ids), np.sort(wanted)):
            found = "the same ids in another order"
        else:
            found = f"{np.sum(~np.isin(ids, wanted)):,} ids that are not in it"
        self._problems.add(rule, place, found)

    def _check_values(self, place: Place, values: npt.NDArray[np.floating]) -> None:
        wrong = int(np.sum(~np.isfinite(values)))  # nulls are read as NaN
        if wrong:
            self._problems.add(
                "predictions are finite", place, f"{wrong:,} values NaN, null or infinite"
            )
        lowest = np.fmin.reduce(values, initial=0)
        if lowest < 0:
            self._warnings.add("responses are never negative", place, f"{lowest:g}")
        if not values.any() and values.size:
            self._warnings.add("a prediction is more than zeros", place, "only zeros")

    def _check_shape(
        self, place: Place, row: RawRow, session: Session | None, trial: int | None
    ) -> None:
        assert row.lengths is not None  # there are values
        if session is not None and len(row.lengths) != session.neurons:
            rule = "a prediction has as many neurons as unit_ids.npy"
            found = f"{len(row.lengths):,} instead of {session.neurons:,}"
            self._problems.add(rule, place, found)
        if row.lengths.size and (row.lengths != row.lengths[0]).any():
            rule = "all neurons of a trial have the same number of values"
            self._problems.add(rule, place, f"{row.lengths.min()} to {row.lengths.max()}")
        elif row.lengths.size and session is not None:
            self._note(row, session, trial)
            if trial in session.tiers:
                self._check_frames(place, int(row.lengths[0]), session.length(trial))

    def _note(self, row: RawRow, session: Session, trial: int | None) -> None:
        prediction, name = row.prediction, session.name
        if prediction is None or len(prediction) != session.neurons:
            return
        if name not in self._neurons:
            self._neurons[name] = Neurons(name, session.neurons, session)
        self._neurons[name].add(prediction)
        if self._answers is not None and trial is not None:
            if name not in self._lags:
                self._lags[name] = Lag(session, self._answers)
            self._lags[name].add(trial, prediction)

    def _check_frames(self, place: Place, found: int, length: int) -> None:
        wanted = {c: scored_count(length, c) for c in CONVENTIONS}
        matching = [c for c in CONVENTIONS if wanted[c] == found]
        if not matching:
            rule = "each neuron has a value for each scored frame of the trial"
            counts = " or ".join(str(count) for count in dict.fromkeys(wanted.values()))
            told = f"{found} instead of {counts} of a trial of {length} frames"
            self._problems.add(rule, place, told)
        if len(matching) == 1:
            self.note_convention(place, matching[0])
