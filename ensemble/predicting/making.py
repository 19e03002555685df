"""Makes parts: all members over a few trials, their weighted mean, and the sums of the scores."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ensemble.evaluation import ENSEMBLE, FLOOR, PLAIN, Evaluation
from ensemble.networks import Networks
from ensemble.predict import Array64, Crowd, Inputs, Voice
from ensemble.predicting.job import Job
from ensemble.predicting.part_store import Keeper
from ensemble.predicting.parts import Finished, Part
from ensemble.submission import check_finite
from models.errors import RecordingError
from models.metrics import Array
from models.recordings.data_set import open_sessions
from models.recordings.session import fingerprint


class Maker:
    """Makes the parts of a job in this process."""

    def __init__(self, job: Job, keeper: Keeper, share: float = 1.0) -> None:
        """`share` is the part of the device's memory that this process may have.

        Raises RecordingError for recordings that are not those of the job.
        """
        self.job, self.keeper = job, keeper
        sessions = open_sessions(job.data)
        found = fingerprint(sessions)
        if found != job.fingerprint:
            message = f"{job.data} holds recordings {found}; expected {job.fingerprint}"
            raise RecordingError(message, "Give the same recordings to every process.")
        self._sessions = {session.name: session for session in sessions}
        self._answers = job.answers()
        self._networks = Networks(job.device, job.all_runs, job.resident, share)
        voices = tuple(Voice(runs, self._networks) for runs in job.runs)
        self._crowd = Crowd(voices, job.weights)

    def make(self, part: Part) -> None:
        """Compute a part and keep it. Raises UserError for what a user can mend."""
        self.keeper.write(part, self._compute(part))

    def _compute(self, part: Part) -> Finished:
        evaluation = Evaluation(self._answers, self.job.evaluated, self.job.units.frames)
        trials = self._trials(part, evaluation)
        inputs = [trial.inputs for trial in trials]
        for member, predictions in enumerate(self._crowd.respond(inputs)):
            for trial, prediction in zip(trials, predictions, strict=True):
                trial.add(member, prediction)
        evaluated = [trial for trial in trials if trial.response is not None]
        for trial, floor in zip(evaluated, self._floor(evaluated), strict=True):
            trial.end(floor)
        written = trials if part.tier in self.job.written else []
        values = {trial.inputs.trial: self._values(trial) for trial in written}
        return Finished(values, evaluation.tally)

    def _trials(self, part: Part, evaluation: Evaluation) -> list["Hearing"]:
        """Those that are to be predicted: of a tier that is only evaluated, those with responses."""
        session = self._sessions[part.mouse]
        asked = {trial: evaluation.response(session, trial) for trial in part.trials}
        return [
            Hearing(Inputs.read(session, trial), response, self._crowd, evaluation)
            for trial, response in asked.items()
            if response is not None or part.tier in self.job.written
        ]

    def _floor(self, trials: Sequence["Hearing"]) -> Sequence[Array | None]:
        if self.job.floor is None or not trials:
            return [None] * len(trials)
        return Voice((self.job.floor,), self._networks).respond([each.inputs for each in trials])

    def _values(self, trial: "Hearing") -> npt.NDArray[np.floating]:
        """(N, F) of the trial's row. Raises UserError where one is not finite."""
        row = self.job.units.row(trial.inputs.session, trial.inputs.trial, trial.mean)
        check_finite(row, row.prediction)
        return row.prediction


class Hearing:
    """A trial, while one member after the other is heard."""

    def __init__(
        self, inputs: Inputs, response: Array | None, crowd: Crowd, evaluation: Evaluation
    ) -> None:
        self.inputs, self.response = inputs, response
        self._crowd, self._evaluation = crowd, evaluation
        shape = inputs.session.neurons, len(inputs.video)
        self.mean: Array64 = np.zeros(shape)
        """(N, T) the weighted sum of those that were heard."""
        compared = response is not None and not crowd.is_plain
        self._total: Array64 | None = np.zeros(shape) if compared else None

    def add(self, member: int, prediction: Array) -> None:
        """Hear the next member: (N, T) in raw units."""
        self.mean += self._crowd.share(member, prediction, self.inputs.session.name)
        if self._total is not None:
            self._total += prediction
        self._evaluate({str(member): prediction})

    def end(self, floor: Array | None) -> None:
        """Evaluate what the members say together, and who else there is."""
        others: dict[str, Array] = {ENSEMBLE: self.mean}
        if self._total is not None:
            others[PLAIN] = self._total / len(self._crowd.voices)
        self._evaluate(others if floor is None else {**others, FLOOR: floor})
        if self.response is not None:
            self._evaluation.end(self.inputs.session, self.inputs.trial, self.response)

    def _evaluate(self, predictions: dict[str, Array]) -> None:
        if self.response is not None:
            session, trial = self.inputs.session, self.inputs.trial
            self._evaluation.add(session, trial, predictions, self.response)
