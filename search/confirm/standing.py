"""How a confirmation stands, as the run folders say: who has which scores, and what is to be trained.

<search>/confirm/<trial>/dropped.json     that the race has stopped this candidate, and why: its
                                          weights are gone, so that no later race takes it back
"""

import json
import math
from collections.abc import Collection, Sequence
from pathlib import Path

from models.files import write_json
from models.runs import CONFIRM, RunFolder, Status
from search.confirm.candidates import Block, Candidate
from search.confirm.confirmed import Confirmation, Confirmed, compared, judged
from search.confirm.racing import Race, race
from search.report.hours import seconds_of

Cell = tuple[int, int]
"""A run: the number of its trial, and the place of its block."""


class Standing:
    """The scores of candidates in blocks, read once and then kept up to date with `note`."""

    def __init__(
        self, folder: Path, candidates: Sequence[Candidate], blocks: Sequence[Block]
    ) -> None:
        """`folder` is the search's."""
        self.folder, self.blocks = folder, blocks
        self.candidates = {each.number: each for each in candidates}
        self.scores: dict[int, list[float | None]] = {
            number: [None] * len(blocks) for number in self.candidates
        }
        self.tidied: set[tuple[Cell, bool]] = set()
        """The runs of which nothing more is to be removed: a store is not asked again; the second is
        whether all that is large is gone."""
        self.failures: dict[int, str] = {}
        """By trial, the reason why a run of it has failed."""
        self.dropped = {
            number: str(json.loads(path.read_text())["reason"])
            for number in self.candidates
            if (path := self._dropped_file(number)).is_file()
        }
        """By trial, why it was dropped for good."""
        for cell in self.cells():
            status = self.run(cell).status()
            if status is not None:
                self.note(cell, status)

    def cells(self) -> list[Cell]:
        """All runs, block by block, in the order of the candidates."""
        return [(number, place) for place in range(len(self.blocks)) for number in self.candidates]

    def run(self, cell: Cell) -> RunFolder:
        """The folder of a run."""
        return RunFolder(self.candidates[cell[0]].run(self.folder, self.blocks[cell[1]]))

    def note(self, cell: Cell, status: Status) -> None:
        """A run has ended."""
        number, place = cell
        if status.state == "complete" and status.score is not None:
            self.scores[number][place] = status.score
        else:
            self.scores[number][place] = math.nan
            self.failures[number] = f"{self.blocks[place].name}: {status.reason or status.state}"

    def drop(self, number: int, reason: str) -> None:
        """A candidate does not take part any more, in no later confirmation either."""
        write_json(self._dropped_file(number), {"reason": reason})
        self.dropped[number] = reason

    def _dropped_file(self, number: int) -> Path:
        return self.folder / CONFIRM / str(number) / "dropped.json"

    def has_failed(self, cell: Cell) -> bool:
        """Whether a run has ended without a score."""
        score = self.scores[cell[0]][cell[1]]
        return score is not None and math.isnan(score)

    def waiting(self, running: Collection[Cell] = ()) -> list[Cell]:
        """The runs that are to begin, in order: of those who can still win, without the running ones."""
        able = set(self.race.running)
        return [
            (number, place)
            for number, place in self.cells()
            if number in able
            and self.scores[number][place] is None
            and (number, place) not in running
        ]

    def seconds_left(self) -> float | None:
        """Of all slots, if each run takes as long as the search's own; None where nothing tells that."""
        numbers = [number for number, _ in self.waiting()]
        runs = {number: RunFolder(self.folder / "runs" / str(number)) for number in numbers}
        known = {number: seconds_of(run.metrics()) for number, run in runs.items()}
        found = [known[number] for number in numbers]
        return None if None in found else sum(each for each in found if each is not None)

    @property
    def race(self) -> Race:
        """Who leads, and who is stopped."""
        return race(self.scores, self.dropped)

    @property
    def confirmation(self) -> Confirmation:
        """All that is known so far."""
        now = self.race
        found = {number: self._judged(each, now) for number, each in self.candidates.items()}
        if now.leader is not None:
            winner = found[now.leader]
            found = {number: compared(one, winner) for number, one in found.items()}
        return Confirmation(
            search=self.folder.name,
            folds=list(dict.fromkeys(block.fold for block in self.blocks)),
            seeds=list(dict.fromkeys(block.seed for block in self.blocks)),
            winner=now.leader,
            blocks=now.blocks,
            candidates=list(found.values()),
        )

    def _judged(self, candidate: Candidate, now: Race) -> Confirmed:
        number = candidate.number
        failure, gone = self.failures.get(number, ""), number in self.dropped
        return judged(candidate, self.blocks, self.scores[number], now, failure, gone)
