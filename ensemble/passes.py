"""One pass over all trials: parts of a job are made, then rows and scores are taken from them."""

import contextlib
import itertools
from collections.abc import Iterator, Sequence

from ensemble.evaluation import Evaluation
from ensemble.predict import ServerUnits
from ensemble.predicting.crew import gathered
from ensemble.predicting.job import Job
from ensemble.predicting.part_store import PartStore
from ensemble.predicting.parts import Finished, Part, PartFolder, parts_of
from ensemble.predicting.workers import Workers
from ensemble.progress import Progress
from ensemble.submission import Row
from models.errors import StorageError
from models.recordings.session import Session


class Pass:
    """What is predicted, for which mice, by whom, and who listens."""

    def __init__(
        self,
        job: Job,
        sessions: Sequence[Session],
        evaluation: Evaluation,
        workers: Workers,
        progress: Progress,
    ) -> None:
        """`sessions` are the scored ones."""
        self.job, self.sessions, self.evaluation = job, sessions, evaluation
        self._workers, self._progress = workers, progress
        self._store: PartStore | None = None

    @property
    def units(self) -> ServerUnits:
        """Of what is written."""
        return self.job.units

    def predict(self) -> None:
        """Make the parts that are not there; each is kept until the files are in their place.

        Raises UserError for what a user can mend.
        """
        with gathered(self.job, self._workers, self._progress.tell) as crew:
            key = crew.job.key()
            self._folder, self._store = PartFolder(self.job.parts / key), self.job.part_store(key)
            self._prepare()
            missing = self._missing()
            # Closed before the crew goes, and not whenever Python gets round to it.
            with contextlib.closing(crew.make_all(missing, self._store or self._folder)) as made:
                for tier, parts in itertools.groupby(missing, lambda part: part.tier):
                    self._follow(tier, [*parts], made)

    def rows(self, tier: str) -> Iterator[Row]:
        """A row a trial, mouse by mouse in the order of file ids; scored where responses are known."""
        sessions = {session.name: session for session in self.sessions}
        for part, finished in self._finished(tier):
            session = sessions[part.mouse]
            for trial, values in finished.values.items():
                yield Row(session.name, trial, values, session.unit_ids)

    def evaluate(self, tier: str) -> None:
        """Score the tier without writing it."""
        for _ in self._finished(tier):
            pass

    def clear(self) -> None:
        """Remove what workers have left in a store; say it where that cannot be."""
        try:
            if self._store is not None:
                self._store.clear()
        except StorageError as error:
            self._progress.tell(f"parts are left in {self._store}: {error.message}")

    def _prepare(self) -> None:
        """Have here what a build that ended early has left, and nothing of other jobs."""
        for key in self._folder.prepare():
            if other := self.job.part_store(key):
                other.clear()
        if self._store is not None:
            parts = [*parts_of(self.job.tiers, self.sessions)]
            self._store.collect_left(parts, self._folder)

    def _missing(self) -> list[Part]:
        parts = [*parts_of(self.job.tiers, self.sessions)]
        missing = [part for part in parts if self._folder.read(part) is None]
        if len(missing) < len(parts):
            there = f"{len(parts) - len(missing)} of {len(parts)} parts"
            self._progress.tell(f"{there} are there from a build that did not end")
        return missing

    def _follow(self, tier: str, parts: Sequence[Part], made: Iterator[Part]) -> None:
        trials = sum(len(part.trials) for part in parts)
        with self._progress.over(tier, trials) as advance:
            for part in itertools.islice(made, len(parts)):
                if self._store is not None:
                    self._store.collect([part], self._folder)
                advance(len(part.trials))

    def _finished(self, tier: str) -> Iterator[tuple[Part, Finished]]:
        """Each part with what it came to, which is added to the scores."""
        for part in parts_of([tier], self.sessions):
            finished = self._folder.read(part)
            if finished is None:
                message = f"the part {part} in {self._folder.path} is gone or damaged"
                raise StorageError(message, "Run it again: only this part is predicted anew.")
            self.evaluation.tally.join(finished.tally)
            yield part, finished
