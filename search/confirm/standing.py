"""How a confirmation stands, as the run folders say: who has which scores, and what is to be trained."""

import math
from collections.abc import Collection, Sequence
from pathlib import Path

from models.runs import RunFolder, Status
from search.confirm.candidates import Block, Candidate
from search.confirm.confirmed import Confirmation, compared, judged
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
        self.failures: dict[int, str] = {}
        """By trial, the reason why a run of it has failed."""
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
        return race(self.scores)

    @property
    def confirmation(self) -> Confirmation:
        """All that is known so far."""
        now = self.race
        found = {
            number: judged(
                each, self.blocks, self.scores[number], now, self.failures.get(number, "")
            )
            for number, each in self.candidates.items()
        }
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
