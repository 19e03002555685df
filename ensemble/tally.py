"""The sums that scores are made of, of everybody who predicts; they can be stored and joined."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from models.metrics import Array, Correlation
from models.recordings.session import Session
from models.scoring import Scoreboard

PLACES, FRAMES, SUMS, COUNTED, COUNTS = "places", "frames", "sums", "counted", "counts"


class Tally:
    """By name, what was predicted: in the server's units, and in raw ones."""

    def __init__(self, frames: int = 249) -> None:
        self.frames = frames
        self.boards: dict[tuple[str, bool], Scoreboard] = {}
        """By name, and by whether in the server's units."""
        self.counts: dict[tuple[str, str], int] = {}
        """Trials by tier and mouse."""

    def board(self, name: str, normalise: bool) -> Scoreboard:
        """Of one who predicts; an empty one where nothing was added."""
        return self.boards.setdefault((name, normalise), Scoreboard(normalise, self.frames))

    @property
    def members(self) -> list[str]:
        """The names that are numbers, in the order in which they were added."""
        return [*dict.fromkeys(name for name, _ in self.boards if name.isdecimal())]

    def add(
        self, name: str, session: Session, tier: str, kind: str, prediction: Array, response: Array
    ) -> None:
        """Add one's prediction of a trial, (N, T) both in raw units."""
        for normalise in (True, False):
            self.board(name, normalise).add(session, tier, kind, prediction, response)

    def count(self, tier: str, mouse: str, trials: int = 1) -> None:
        """Count trials that were added."""
        self.counts[tier, mouse] = self.counts.get((tier, mouse), 0) + trials

    def join(self, other: "Tally") -> None:
        """Add all that the other one holds."""
        for (name, normalise), board in other.boards.items():
            self.board(name, normalise).join(board)
        for (tier, mouse), trials in other.counts.items():
            self.count(tier, mouse, trials)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """All of it, where it is of a single mouse; see `of`."""
        each = [
            ((name, str(int(normalise)), *place), correlation)
            for (name, normalise), board in self.boards.items()
            for place, correlation in board.correlations.items()
            if correlation.frames
        ]
        return {
            PLACES: np.array([place for place, _ in each], dtype=np.str_).reshape(-1, 5),
            FRAMES: np.array([self.frames, *(c.frames for _, c in each)], dtype=np.int64),
            SUMS: np.array([c.sums for _, c in each], dtype=np.float64),
            COUNTED: np.array([*self.counts], dtype=np.str_).reshape(-1, 2),
            COUNTS: np.array([*self.counts.values()], dtype=np.int64),
        }

    @classmethod
    def of(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> "Tally":
        """From `arrays`, to the bit. Raises LookupError or ValueError where these are none."""
        frames, *counted = arrays[FRAMES].tolist()
        tally = cls(frames)
        for place, of_place, sums in zip(arrays[PLACES], counted, arrays[SUMS], strict=True):
            name, normalise, tier, kind, mouse = place.tolist()
            board = tally.board(name, normalise == "1")
            board.correlations[tier, kind, mouse] = Correlation.of(of_place, sums)
        for (tier, mouse), trials in zip(arrays[COUNTED], arrays[COUNTS].tolist(), strict=True):
            tally.count(str(tier), str(mouse), trials)
        return tally
