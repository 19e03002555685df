"""`python -m ensemble`: from a search to submission files, and what the server would say of them."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.markup import escape

from ensemble.naming import Scheme
from models.answers import Answers
from models.console import out as console
from models.errors import UserError
from models.runs import home_folder

if TYPE_CHECKING:
    from ensemble.checks.verdict import Report
    from ensemble.members import Candidates

REFUSED = 1
"""Exit code where the server would not take a file."""

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Average the best models of a search and write the competition's prediction files.",
    epilog="Next: python -m ensemble build NAME --data DATA --out DIR",
)
Data = Annotated[Path, typer.Option(help="The folder with the recording sessions.")]
Mice = Annotated[
    list[str] | None,
    typer.Option(help="A scored mouse, repeatable; default: the five new ones, else all."),
]
Truth = Annotated[
    Path | None,
    typer.Option(help="Truth of generated recordings, to score with; default: DATA.truth."),
]


@app.command(epilog="Next: upload the zips; python -m ensemble score DIR --data DATA")
def build(
    data: Data,
    out: Annotated[Path, typer.Option(help="The folder for files, zips and manifest.json.")],
    name: Annotated[
        str | None, typer.Argument(help="The search; 'python -m search list' shows all.")
    ] = None,
    runs: Annotated[
        list[Path] | None,
        typer.Option("--run", help="A run folder instead of a search's runs, repeatable."),
    ] = None,
    added: Annotated[
        list[Path] | None,
        typer.Option(
            "--with", help="An imported run, averaged in without being chosen, repeatable."
        ),
    ] = None,
    home: Annotated[
        Path | None,
        typer.Option(help="Where searches are kept; default: $SENSORIUM_HOME, else ./searches."),
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="Average at most so many runs.")] = 10,
    mice: Mice = None,
    names: Annotated[
        Scheme, typer.Option(help="'current' are the OOD names that organisers ask for today.")
    ] = "user",
    frames: Annotated[
        Literal[249, 250], typer.Option(help="Values of a trial of 300 frames.")
    ] = 249,
    trial_indices: Annotated[
        Literal["int", "file"], typer.Option(help="Write trials as 1 or as '1.npy'.")
    ] = "int",
    float32: Annotated[bool, typer.Option("--float32", help="Half the size.")] = False,
    mantissa_bits: Annotated[
        int | None, typer.Option(min=1, help="Round values; 10 makes files a fifth as large.")
    ] = None,
    normalise: Annotated[
        bool, typer.Option(help="Multiply by the precision of the responses, as the server does.")
    ] = True,
    truth: Truth = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, ...")] = "auto",
) -> None:
    """Choose the best runs, average their predictions, write and check the submission files."""
    from ensemble.build import Options
    from ensemble.build import build as run_build  # torch takes seconds to import

    options = Options(
        data=data,
        out=out,
        top=top,
        mice=tuple(mice) if mice else None,
        scheme=names,
        frames=frames,
        trial_indices=trial_indices,
        dtype="float32" if float32 else "float64",
        mantissa_bits=mantissa_bits,
        normalise=normalise,
        truth=truth,
        device=device,
    )
    built = run_build(_candidates(name, runs or [], added or [], home), options, console)
    _print_reports(built.reports)
    if not built.ok:
        sys.exit(REFUSED)
    console.print(f"to upload: {', '.join(escape(str(path)) for path in built.zips)}")
    console.print(f"made of:   {escape(str(built.manifest))}")


@app.command(epilog="Next: upload the zips that pass.")
def check(
    paths: Annotated[
        list[Path], typer.Argument(metavar="FILE", help="Files, zips, or folders of them.")
    ],
    data: Data,
    mice: Mice = None,
) -> None:
    """Say whether the server would take a file and, if not, everything that is wrong with it."""
    from ensemble.check import check_submission
    from ensemble.verdicts import files_to_check
    from models.recordings.data_set import open_sessions

    sessions = open_sessions(data)
    files = files_to_check(paths)
    reports = [check_submission(path, sessions, mice or None) for path in files]
    _print_reports(reports)
    if not all(report.ok for report in reports):
        sys.exit(REFUSED)


@app.command(epilog="Next: python -m ensemble check PATH --data DATA")
def score(
    path: Annotated[Path, typer.Argument(help="A submission file, or a folder of them.")],
    data: Data,
    truth: Truth = None,
) -> None:
    """Say what the server would give to files, where the responses are known."""
    from ensemble.score import score_file, submission_files
    from ensemble.tables import score_table
    from models.recordings.data_set import open_sessions

    sessions, answers = open_sessions(data), Answers.beside(data, truth)
    files = submission_files(path)
    console.print(score_table([score_file(file, sessions, answers) for file in files]))


def _candidates(
    name: str | None, runs: list[Path], added: list[Path], home: Path | None
) -> "Candidates":
    from ensemble.members import members_of_runs, members_of_search, with_imported

    if (name is None) == (not runs) and (runs or not added):
        message = "an ensemble is chosen from one search or from run folders"
        found = "both" if runs else "neither"
        remedy = "Give a search's name, or --run DIR once or more often; imported ones are --with."
        raise UserError(f"{message}; found {found}", remedy)
    chosen = None
    if name is not None:
        chosen = members_of_search(home_folder(home), name)
    elif runs:
        chosen = members_of_runs(runs)
    if not added:
        assert chosen is not None
        return chosen
    return with_imported(chosen, added)


def _print_reports(reports: "Sequence[Report]") -> None:
    from ensemble.verdicts import lines

    for report in reports:
        for line in lines(report):
            console.print(escape(line))
