"""One pass over a tier: each trial is predicted once, and what comes of it is written and scored."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ensemble.evaluation import ENSEMBLE, FLOOR, Evaluation
from ensemble.predict import Array64, Crowd, ServerUnits
from ensemble.progress import Progress
from ensemble.submission import Row
from models.metrics import Array
from models.recordings.session import Session
from models.trained import TrainedRun


@dataclass(frozen=True)
class Pass:
    """Who predicts, for which mice, and who listens."""

    crowd: Crowd
    floor: TrainedRun | None
    sessions: Sequence[Session]
    """The scored ones."""
    evaluation: Evaluation
    units: ServerUnits
    progress: Progress

    def count(self, tier: str) -> int:
        """Trials of the scored mice."""
        return sum(len(session.trials(tier)) for session in self.sessions)

    def rows(self, tier: str) -> Iterator[Row]:
        """A row a trial, mouse by mouse in the order of file ids; scored where responses are known."""
        for session, trial in self._trials(tier):
            response = self.evaluation.response(session, trial)
            yield self.units.row(session, trial, self._predict(session, trial, response))

    def evaluate(self, tier: str) -> None:
        """Score the tier without writing it; trials whose responses are unknown are passed over."""
        for session, trial in self._trials(tier):
            response = self.evaluation.response(session, trial)
            if response is not None:
                self._predict(session, trial, response)

    def _trials(self, tier: str) -> Iterator[tuple[Session, int]]:
        with self.progress.over(tier, self.count(tier)) as advance:
            for session in self.sessions:
                for trial in session.trials(tier):
                    yield session, trial
                    advance()

    def _predict(self, session: Session, trial: int, response: Array | None) -> Array64:
        """(N, T) the ensemble's prediction."""
        video, behaviour = session.video(trial), session.behaviour(trial)
        members = self.crowd.respond(session, video, behaviour)
        mean = self.crowd.combine(members)
        if response is not None:
            others: dict[str, Array] = {ENSEMBLE: mean}
            if self.floor is not None:
                others[FLOOR] = self.floor.respond(session, video, behaviour)
            self.evaluation.add(session, trial, members, others, response)
        return mean
