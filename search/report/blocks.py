"""What a report is made of: sections of notes, facts, tables, charts and code."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from plotly.graph_objects import Figure


@dataclass(frozen=True)
class Link:
    """A cell of a table that leads somewhere."""

    text: str
    address: str


Cell = str | Link


@dataclass(frozen=True)
class Note:
    """A paragraph."""

    text: str
    kind: ClassVar[str] = "note"


@dataclass(frozen=True)
class Facts:
    """Names, each with its value."""

    pairs: Sequence[tuple[str, str]]
    kind: ClassVar[str] = "facts"


@dataclass(frozen=True)
class Table:
    """Rows under column heads; the first `left` columns and the last `words` hold words.

    Those at the places `wide` may go over several lines.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    left: int = 1
    words: int = 0
    wide: Sequence[int] = ()
    kind: ClassVar[str] = "table"

    def look(self, column: int) -> str:
        """The style of a column: number, wide, or word."""
        if self.left <= column < len(self.columns) - self.words:
            return "number"
        return "wide" if column in self.wide else "word"


@dataclass(frozen=True)
class Chart:
    """A figure with the words above it."""

    figure: Figure
    title: str = ""
    kind: ClassVar[str] = "chart"


@dataclass(frozen=True)
class Code:
    """Text in the letters of a terminal, as it is."""

    text: str
    kind: ClassVar[str] = "code"


Block = Note | Facts | Table | Chart | Code


@dataclass(frozen=True)
class Section:
    """A part of the report with a place in its table of contents."""

    key: str
    """The section's address in the page."""
    title: str
    blocks: Sequence[Block]
