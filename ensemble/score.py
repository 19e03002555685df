"""What the server would give to submission files whose trials' responses are known."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ensemble.averages import Averages
from ensemble.naming import SUFFIX, file_names, tier_of
from ensemble.predict import ServerUnits
from ensemble.reader import read_rows
from ensemble.scores import Metric, Number, metric
from ensemble.submission import Row
from models.answers import Answers
from models.errors import UserError
from models.metrics import Array, scored_count, scored_frames
from models.recordings.session import Session
from models.scoring import Scoreboard

CONVENTIONS = (249, 250)


@dataclass(frozen=True)
class FileScore:
    """The scores of one file."""

    path: Path
    tier: str
    trials: int
    """Trials whose responses are known."""
    single: Metric
    """Single-trial correlation, which ranks the tracks."""
    average: Metric | None
    """Correlation to average; None where no film was repeated."""
    neuron_ids: dict[str, npt.NDArray[np.int64]]
    """(N,) of each mouse, in the order of every array."""

    @property
    def score(self) -> float:
        """The single-trial correlation of the whole file."""
        return self.single.whole.score

    @property
    def ceiling(self) -> float | None:
        """Of the noise-free responses; None where they are unknown."""
        return self.single.whole.ceiling

    @property
    def kinds(self) -> dict[str, Number]:
        """Single-trial correlation of each kind of out-of-distribution stimulus."""
        return self.single.kinds


def submission_files(path: Path) -> list[Path]:
    """`path` itself, or the submission files in it; a UserError where there is none."""
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise UserError(f"there is no {path}", "Give a submission file, or a folder of them.")
    files = sorted(path.glob(f"*{SUFFIX}"))
    if not files:
        message = f"{path} holds no submission file (*{SUFFIX})"
        raise UserError(message, "Write some with 'python -m ensemble build'.")
    return files


def score_file(
    path: Path, sessions: Sequence[Session], answers: Answers, tier: str | None = None
) -> FileScore:
    """Score one file, row by row. Values in it count as they are: they should be normalised.

    `tier` is that of a file whose name tells none. Memory is that of one row and, where a mouse's
    rows come together, of two averages of each film of one mouse.

    Raises UserError for a name that tells no tier where none is given, rows that do not fit the
    recordings, and a tier no response to which is known.
    """
    known = tier_of(path.name) or tier
    if known is None:
        message = f"{path.name} is no name of a submission file"
        remedy = f"Their names are {', '.join(file_names())}; else give its tier with --tier."
        raise UserError(message, remedy)
    scoring = _Scoring(path, known, {session.name: session for session in sessions}, answers)
    for row in read_rows(path):
        scoring.add(row)
    return scoring.result()


class _Scoring:
    """The scores of one file, collected row by row."""

    def __init__(
        self, path: Path, tier: str, sessions: dict[str, Session], answers: Answers
    ) -> None:
        self.path, self.tier, self.sessions, self.answers = path, tier, sessions, answers
        self.frames: int | None = None
        self.seen: dict[str, set[int]] = {}
        self.averages, self.average_ceiling = Averages(), Averages()
        self.trials = 0

    def add(self, row: Row) -> None:
        session = self._session(row)
        response = self.answers.response(session, row.trial)
        self._check_frames(row, session)
        if response is not None:
            self._add_known(session, row, response)
        if len(self.seen[row.mouse]) == len(session.trials(self.tier)):
            self.averages.close(row.mouse)
            self.average_ceiling.close(row.mouse)

    def _add_known(self, session: Session, row: Row, response: Array) -> None:
        kind, length = self.answers.kind(session, row.trial), response.shape[1]
        film = self.answers.film(session, row.trial)
        wanted = self.units.scaled(session, response)
        self.averages.add(row.mouse, kind, film, row.prediction, wanted)
        # Both are as the server has them, so the boards must not multiply again.
        given = self._placed(row.prediction, length)
        self.board.add(session, self.tier, kind, given, self._placed(wanted, length))
        noise_free = self.answers.noise_free(session, row.trial)
        if noise_free is not None:
            self.ceiling.add(session, self.tier, kind, noise_free, response)
            scaled = self.units.scaled(session, noise_free)
            self.average_ceiling.add(row.mouse, kind, film, scaled, wanted)
        self.trials += 1

    def result(self) -> FileScore:
        if not self.trials:
            message = f"no response to the trials of {self.path.name} is known"
            raise UserError(message, "Give the truth of generated recordings with --truth DIR.")
        single = metric(self.board.per_neuron(self.tier), self.ceiling.per_neuron(self.tier))
        averages = self.averages.per_neuron()
        return FileScore(
            path=self.path,
            tier=self.tier,
            trials=self.trials,
            single=single,
            average=metric(averages, self.average_ceiling.per_neuron()) if averages else None,
            neuron_ids={mouse: self.sessions[mouse].unit_ids for mouse in single.mice},
        )

    def _session(self, row: Row) -> Session:
        session = self.sessions.get(row.mouse)
        if session is None:
            raise self._wrong(f"{row} is of no mouse of the recordings")
        if session.tiers.get(row.trial) != self.tier:
            raise self._wrong(f"{row} is of tier {session.tiers.get(row.trial)}, not {self.tier}")
        if not np.array_equal(row.neuron_ids, session.unit_ids):
            raise self._wrong(f"the neurons of {row} are not those of the recording, in its order")
        seen = self.seen.setdefault(row.mouse, set())
        if row.trial in seen:
            raise self._wrong(f"{row} comes twice")
        seen.add(row.trial)
        return session

    def _check_frames(self, row: Row, session: Session) -> None:
        """The first row tells which convention the file follows."""
        length, found = session.length(row.trial), row.prediction.shape[1]
        if self.frames is None:
            fitting = (c for c in CONVENTIONS if scored_count(length, c) == found)
            self.frames = next(fitting, CONVENTIONS[0])
            self.units = ServerUnits(self.frames)
            self.board = Scoreboard(normalise=False, frames=self.frames)
            self.ceiling = Scoreboard(frames=self.frames)
        if found != scored_count(length, self.frames):
            wanted = scored_count(length, self.frames)
            raise self._wrong(f"{row} has {wanted} values a neuron; found {found}")

    def _placed(self, values: npt.NDArray[np.floating], length: int) -> npt.NDArray[np.floating]:
        """(N, T) with the (N, F) values at the scored frames, and zeros that are not looked at."""
        full = np.zeros((len(values), length))
        full[:, scored_frames(length, self.frames or CONVENTIONS[0])] = values
        return full

    def _wrong(self, message: str) -> UserError:
        remedy = f"Run 'python -m ensemble check {self.path} --data DATA' for all problems."
        return UserError(f"{self.path.name}: {message}", remedy)
