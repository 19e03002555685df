"""What the server would give to submission files whose trials' responses are known."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ensemble.naming import SUFFIX, file_names, tier_of
from ensemble.predict import ServerUnits
from ensemble.reader import read_rows
from ensemble.submission import Row
from models.answers import Answers
from models.errors import UserError
from models.metrics import Array, scored_frames
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
    score: float
    ceiling: float | None
    """Of the noise-free responses; None where they are unknown."""
    kinds: dict[str, tuple[float, float | None]] = field(default_factory=dict)
    """Score and ceiling of each kind of out-of-distribution stimulus; empty where none is known."""


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


def score_file(path: Path, sessions: Sequence[Session], answers: Answers) -> FileScore:
    """Score one file, row by row. Values in it count as they are: they should be normalised.

    Raises UserError for a name the server refuses, rows that do not fit the recordings, and a tier
    no response to which is known.
    """
    tier = tier_of(path.name)
    if tier is None:
        message = f"{path.name} is no name of a submission file"
        raise UserError(message, f"Their names are {', '.join(file_names())}.")
    scoring = _Scoring(path, tier, {session.name: session for session in sessions}, answers)
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
        self.seen: set[tuple[str, int]] = set()
        self.trials = 0

    def add(self, row: Row) -> None:
        session = self._session(row)
        response = self.answers.response(session, row.trial)
        self._check_frames(row, session)
        if response is None:
            return
        kind, length = self.answers.kind(session, row.trial), response.shape[1]
        # Both are as the server has them, so the boards must not multiply again.
        wanted = self._placed(self.units.scaled(session, response), length)
        given = self._placed(row.prediction, length)
        self.board.add(session, self.tier, kind, given, wanted)
        self._add_ceiling(session, row.trial, kind, response)
        self.trials += 1

    def _add_ceiling(self, session: Session, trial: int, kind: str, response: Array) -> None:
        noise_free = self.answers.noise_free(session, trial)
        if noise_free is not None:
            self.ceiling.add(session, self.tier, kind, noise_free, response)

    def result(self) -> FileScore:
        if not self.trials:
            message = f"no response to the trials of {self.path.name} is known"
            raise UserError(message, "Give the truth of generated recordings with --truth DIR.")
        kinds = [kind for kind in self.board.kinds(self.tier) if kind]
        ceilings = [_known(self.ceiling.kind_score(self.tier, kind)) for kind in kinds]
        scores = [self.board.kind_score(self.tier, kind) for kind in kinds]
        return FileScore(
            path=self.path,
            tier=self.tier,
            trials=self.trials,
            score=self.board.score(self.tier),
            ceiling=_known(self.ceiling.score(self.tier)),
            kinds=dict(zip(kinds, zip(scores, ceilings, strict=True), strict=True)),
        )

    def _session(self, row: Row) -> Session:
        session = self.sessions.get(row.mouse)
        if session is None:
            raise self._wrong(f"{row} is of no mouse of the recordings")
        if session.tiers.get(row.trial) != self.tier:
            raise self._wrong(f"{row} is of tier {session.tiers.get(row.trial)}, not {self.tier}")
        if not np.array_equal(row.neuron_ids, session.unit_ids):
            raise self._wrong(f"the neurons of {row} are not those of the recording, in its order")
        if (row.mouse, row.trial) in self.seen:
            raise self._wrong(f"{row} comes twice")
        self.seen.add((row.mouse, row.trial))
        return session

    def _check_frames(self, row: Row, session: Session) -> None:
        """The first row tells which convention the file follows."""
        length, found = session.length(row.trial), row.prediction.shape[1]
        if self.frames is None:
            fitting = (c for c in CONVENTIONS if _count(length, c) == found)
            self.frames = next(fitting, CONVENTIONS[0])
            self.units = ServerUnits(self.frames)
            self.board = Scoreboard(normalise=False, frames=self.frames)
            self.ceiling = Scoreboard(frames=self.frames)
        if found != _count(length, self.frames):
            wanted = _count(length, self.frames)
            raise self._wrong(f"{row} has {wanted} values a neuron; found {found}")

    def _placed(self, values: npt.NDArray[np.floating], length: int) -> npt.NDArray[np.floating]:
        """(N, T) with the (N, F) values at the scored frames, and zeros that are not looked at."""
        full = np.zeros((len(values), length))
        full[:, scored_frames(length, self.frames or CONVENTIONS[0])] = values
        return full

    def _wrong(self, message: str) -> UserError:
        remedy = f"Run 'python -m ensemble check {self.path} --data DATA' for all problems."
        return UserError(f"{self.path.name}: {message}", remedy)


def _count(length: int, frames: int) -> int:
    return len(range(length)[scored_frames(length, frames)])


def _known(score: float) -> float | None:
    return None if math.isnan(score) else score
