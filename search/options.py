"""What several commands of this room share: options, and exit codes."""

import enum
from pathlib import Path
from typing import Annotated

import typer

from models.runs import STORE_VARIABLE

STOPPED = 130
"""Exit code after Ctrl-C."""
UNFIT = 1
"""Exit code where a search would fail."""

Home = Annotated[
    Path | None,
    typer.Option(help="Where searches are kept; default: $SENSORIUM_HOME, else ./searches."),
]
Name = Annotated[str, typer.Argument(help="The search's name; 'python -m search list' shows all.")]
Trials = Annotated[
    int | None,
    typer.Option(min=1, help="Configurations to try; default: 20, or until the hours end."),
]
Hours = Annotated[
    float | None, typer.Option(min=0.01, help="End after so many hours; trials can go on later.")
]
GpuHours = Annotated[
    float | None, typer.Option(min=0.01, help="End after so many hours of all GPUs together.")
]
Slots = Annotated[
    int | None, typer.Option(help="Runs at a time; default: what GPUs or cores allow.")
]
GpusPerTrial = Annotated[
    float | None, typer.Option(help="0.5 puts two trials on a GPU; default: 1 if there are any.")
]
Address = Annotated[
    str | None,
    typer.Option(help="Run on this Ray cluster: auto on its head, or HOST:PORT; default: here."),
]
Store = Annotated[
    str | None,
    typer.Option(
        envvar=STORE_VARIABLE,
        help="Where searches copy what is to outlast a node, as s3://bucket/searches; the home need "
        "not be shared then.",
    ),
]
Data = Annotated[str | None, typer.Option(help="Where the recordings are now, if they were moved.")]


Plateau = Annotated[
    int | None,
    typer.Option(min=1, help="End after so many trials without one better than seeds differ."),
]
Noise = Annotated[
    float, typer.Option(min=0, help="How much another seed changes a score, for --plateau.")
]
Grace = Annotated[
    int | None,
    typer.Option(min=1, help="Epochs that every trial may train; default: a seventh of all."),
]
Reduction = Annotated[
    int, typer.Option(min=2, help="One trial in so many goes on after the grace epochs.")
]
Brackets = Annotated[
    int, typer.Option(min=1, help="Groups of trials, each with a later first rung than the last.")
]


class Objective(enum.StrEnum):
    """The choices of `search.objectives.Objective`; typer wants an enumeration."""

    score = "score"
    parameters = "parameters"
    seconds = "seconds"


Objectives = Annotated[
    list[Objective] | None,
    typer.Option(
        "--objective",
        help="Again for each: the score, always one, and what is to be small: "
        "a network's parameters, or the seconds of an epoch.",
    ),
]


class Stopping(enum.StrEnum):
    """The choices of `search.stopping.Rule`; typer wants an enumeration."""

    asha = "asha"
    hyperband = "hyperband"
    median = "median"
    none = "none"
