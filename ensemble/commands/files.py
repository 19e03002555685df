"""The commands about finished submission files: check and score."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from ensemble.options import REFUSED, Data, Mice, Truth, print_reports
from models.answers import Answers
from models.console import out
from models.errors import UserError

Tier = Literal[
    "train",
    "oracle",
    "live_test_main",
    "live_test_bonus",
    "final_test_main",
    "final_test_bonus",
]


def check(
    paths: Annotated[
        list[Path], typer.Argument(metavar="FILE", help="Files, zips, or folders of them.")
    ],
    data: Annotated[
        str | None,
        typer.Option(help="The recordings' folder, or a store's URI; without it less is checked."),
    ] = None,
    mice: Mice = None,
    truth: Truth = None,
) -> None:
    """Say whether the server would take a file and, if not, everything that is wrong with it.

    Without --data a file is held against itself and the published numbers of trials and neurons.
    """
    from ensemble.check import check_submission
    from ensemble.verdicts import files_to_check
    from models.fetching import fetched
    from models.recordings.data_set import open_sessions

    if data is None and (mice or truth):
        message = "--mice and --truth are about recordings"
        raise UserError(message, "Give their folder with --data DIR.")
    sessions = None if data is None else open_sessions(fetched(data))
    answers = None if data is None else Answers.beside(data, truth)
    reports = [
        check_submission(path, sessions, mice or None, answers=answers)
        for path in files_to_check(paths)
    ]
    print_reports(reports)
    if not all(report.ok for report in reports):
        sys.exit(REFUSED)


def score(
    path: Annotated[Path, typer.Argument(help="A submission file, or a folder of them.")],
    data: Data,
    truth: Truth = None,
    tier: Annotated[
        Tier | None,
        typer.Option(help="Of files whose name tells none, such as predictions for the oracle."),
    ] = None,
    json: Annotated[
        Path | None, typer.Option("--json", help="Also write all numbers to this file.")
    ] = None,
    per_neuron: Annotated[
        Path | None, typer.Option(help="Also write both metrics of every neuron to this CSV file.")
    ] = None,
) -> None:
    """Say what the server would give to files, where the responses are known."""
    from ensemble.score import score_file, submission_files
    from ensemble.score_table import score_table, write_per_neuron, write_scores
    from models.fetching import fetched
    from models.recordings.data_set import open_sessions

    sessions, answers = open_sessions(fetched(data)), Answers.beside(data, truth)
    scores = [score_file(file, sessions, answers, tier) for file in submission_files(path)]
    out.print(score_table(scores))
    if json is not None:
        write_scores(json, scores)
    if per_neuron is not None:
        write_per_neuron(per_neuron, scores)
