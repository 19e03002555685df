"""The colours and words of the states in which a trial may be."""

from collections.abc import Mapping

from models.pages import BLUE, GREEN, GREY, INK, ORANGE, PALE, PINK
from search.scoreboard import RowState

COLOURS: Mapping[RowState, str] = {
    "complete": BLUE,
    "pruned": GREY,  # the many
    "failed": ORANGE,
    "running": GREEN,
    "interrupted": PINK,
}
WENT_ON, FLOOR_COLOUR = PALE, INK
WORDS: Mapping[RowState, str] = {
    "complete": "complete",
    "pruned": "stopped early",
    "failed": "failed",
    "running": "running",
    "interrupted": "interrupted",
}
