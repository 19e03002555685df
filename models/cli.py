"""The command line of one model."""

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.markup import escape

from models.console import err, out
from models.errors import Problem, UserError
from models.progress import counting, transferring
from models.runs import SCORE, TRAIN_LOSS

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="One model: its recordings, its training, its predictions, its score.\n\n"
    "Start with generated recordings: python -m models synth data/",
)

Data = Annotated[Path, typer.Argument(help="The folder that holds the sessions.")]
DataOption = Annotated[Path, typer.Option("--data", help="The folder that holds the sessions.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:<n>.")]
BenchPart = Literal["recordings"]
BenchType = Literal["float64", "float32"]
UNSOUND, INTERRUPTED = 1, 130


@app.command()
def check(data: Data) -> None:
    """Say whether recordings are sound, and if not, everything that is wrong.

    Next: python -m models train DATA --run RUN, or python -m search run DATA --name NAME.
    """
    from models.recordings.check import check_data_set, report_table

    with counting() as told:
        report = check_data_set(data, told)
    out.print(report_table(report))
    for warning in report.warnings:
        out.print(f"[yellow]warning:[/] {escape(str(warning))}")
    _end_with(report.problems, report.remedy)
    out.print(f"sound; sessions: {len(report.sessions)}")


@app.command()
def synth(
    folder: Annotated[Path, typer.Argument(help="The new folder for the recordings.")],
    mice: Annotated[int, typer.Option(help="Sessions, one a mouse.")] = 3,
    neurons: Annotated[int, typer.Option(help="Neurons of each mouse.")] = 60,
    seed: Annotated[int, typer.Option(help="The root of all randomness.")] = 0,
    train_trials: Annotated[int, typer.Option(help="Trials of each mouse's train tier.")] = 60,
    videos: Annotated[int, typer.Option(help="Films of each repeated tier or OOD kind.")] = 2,
    repeats: Annotated[int, typer.Option(help="How often each of these is shown.")] = 10,
    old_mice: Annotated[int, typer.Option(help="Mice in the form of the five public ones.")] = 0,
) -> None:
    """Generate recordings of a brain whose ceiling is known, in the competition's layout.

    Withheld and noise-free responses go to FOLDER.truth. Next: python -m models check FOLDER.
    """
    from models.recordings.synthetic import Recipe, write_data_set

    recipe = Recipe(mice, neurons, seed, train_trials, videos, repeats, old_mice)
    with counting() as told:
        write_data_set(folder, recipe, told)
    out.print(f"{mice} mice of {neurons} neurons in {folder}, their truth in {folder}.truth")
    out.print(f"next: python -m models check {folder}")


@app.command()
def download(
    to: Annotated[Path, typer.Option(help="The folder for the session folders.")],
    mice: Annotated[
        list[str] | None,
        typer.Option(help="new (the default), old, all, or names such as 29515-10-12,29623-4-9."),
    ] = None,
    base: Annotated[
        str | None, typer.Option(envvar="SENSORIUM_GIN", help="The server; GIN by default.")
    ] = None,
    at_once: Annotated[int, typer.Option(min=1, help="Sessions fetched at the same time.")] = 3,
) -> None:
    """Fetch the competition's recordings; a download that was stopped goes on where it was.

    A session is a zip of 15-20 GB, which goes when it is unpacked.

    Next: python -m models check TO.
    """
    from models.recordings.download.bars import shown
    from models.recordings.download.catalogue import SERVER, chosen_sessions
    from models.recordings.download.driver import download_sessions

    sessions = chosen_sessions([name for names in mice or ["new"] for name in names.split(",")])
    with _resumable(), shown(out, err) as bars:
        download_sessions(to, sessions, bars, base or SERVER, at_once)
    out.print(f"next: python -m models check {to}")


@app.command()
def pack(
    data: Data,
    to: Annotated[
        Path | None, typer.Option(help="The store's folder; DATA.packed, which all commands find.")
    ] = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="Responses in single, not half, precision.")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Pack sessions anew that changed since.")
    ] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Compare the store with DATA, number by number.")
    ] = False,
    jobs: Annotated[int | None, typer.Option(min=1, help="Threads; one a core, 8 at most.")] = None,
) -> None:
    """Pack recordings into a store that training reads many times faster. Do it once.

    Packing that was stopped goes on where it was. Next: python -m models folds DATA.
    """
    from models.recordings.store.folders import packed_folder
    from models.recordings.store.pack import pack as pack_all
    from models.recordings.store.pack import plan_packing
    from models.recordings.store.verify import verify_store

    store = to or packed_folder(data)
    if verify:
        with counting() as compared:
            problems = verify_store(data, store, compared)
        _end_with(problems, "Pack what differs anew: python -m models pack DATA --again.")
        out.print(f"{store} holds what {data} does")
        return
    plan = plan_packing(data, store, exact, again)
    with _resumable(), transferring(plan.size) as told:
        pack_all(plan, exact, jobs or min(os.cpu_count() or 1, 8), told)
    for line in plan.told():
        out.print(escape(line))
    out.print(f"next: python -m models folds {data if to is None else store}")


@app.command()
def folds(
    data: Data,
    count: Annotated[int, typer.Option("--folds", min=2, help="How many.")] = 5,
    most: Annotated[int, typer.Option(min=0, help="Films to list.")] = 10,
) -> None:
    """Show how trials fall into folds by the content of their films, and what that prevents.

    Next: python -m search run DATA --name NAME.
    """
    from models.recordings.data_set import open_sessions
    from models.recordings.fold_report import film_table, fold_report, fold_table, sentences

    report = fold_report(open_sessions(data), count)
    out.print(fold_table(report))
    if report.repeated and most:
        out.print(film_table(report, most))
    for sentence in sentences(report):
        out.print(sentence)


@app.command()
def train(
    data: Data,
    run: Annotated[Path, typer.Option(help="The run's folder; one that was begun goes on.")],
    config: Annotated[
        Path | None, typer.Option(help="JSON or YAML; what it leaves out is default.")
    ] = None,
    sets: Annotated[
        list[str] | None, typer.Option("--set", help="One value, such as training.epochs=5.")
    ] = None,
    device: Device = "auto",
) -> None:
    """Train one model. A run that was stopped goes on from its last epoch.

    Next: python -m models score RUN --data DATA.
    """
    from models.fit import Fit
    from models.settings import read_settings
    from models.training.failure import TrainingFailed

    fit = Fit(run, read_settings(config, sets or []), data, device)
    try:
        while not fit.done:
            line = fit.train_epoch()
            out.print(_readable(line, fit.config.training.epochs))
    except TrainingFailed as failure:
        err.print(f"[red]failed:[/] {failure.reason}; try a lower training.learning_rate")
        raise typer.Exit(UNSOUND) from failure
    fit.finish()
    out.print(f"next: python -m models score {run} --data {data}")


@app.command()
def predict(
    run: Annotated[Path, typer.Argument(help="A trained run's folder.")],
    data: DataOption,
    out_folder: Annotated[Path, typer.Option("--out", help="Folder for <mouse>.npz, float16.")],
    tier: Annotated[str, typer.Option(help="The tier whose trials are predicted.")] = "oracle",
    device: Device = "auto",
) -> None:
    """Predict every trial of a tier: an .npz a mouse with trials, lengths and values (frames, N)."""
    from models import predictions
    from models.recordings.data_set import open_sessions
    from models.recordings.layout import TIERS
    from models.trained import TrainedRun

    if tier not in TIERS:
        raise UserError(f"there is no tier '{tier}'", f"Choose one of {', '.join(TIERS)}.")
    trained = TrainedRun.open(run, device)
    for session in open_sessions(data):
        predicted = {trial: trained.predict(session, trial) for trial in session.trials(tier)}
        predictions.write(out_folder, session.name, predicted)
        out.print(f"{session.name}: {len(predicted)} trials of {tier}")


@app.command()
def score(
    data: DataOption,
    run: Annotated[
        Path | None, typer.Argument(help="A trained run; without one, the ceiling alone.")
    ] = None,
    truth: Annotated[
        Path | None, typer.Option(help="Withheld responses; DATA.truth by default.")
    ] = None,
    raw: Annotated[bool, typer.Option("--raw", help="Raw units, not the server's.")] = False,
    device: Device = "auto",
) -> None:
    """Score a run on every tier with known responses, beside the ceiling where it is known.

    Single-trial correlation in the server's units (responses x precision). Generated recordings
    have withheld responses and a ceiling, the score of the noise-free responses themselves.
    """
    from models.evaluation import score_run, score_table

    rows = score_run(data, run, truth, normalise=not raw, device=device)
    out.print(score_table(rows, normalise=not raw))


@app.command()
def bench(
    part: Annotated[BenchPart, typer.Argument(help="What is measured.")] = "recordings",
    json: Annotated[Path | None, typer.Option(help="Also write the figures to this file.")] = None,
    trials: Annotated[int, typer.Option(min=1, help="Trials of the generated session.")] = 60,
    neurons: Annotated[int, typer.Option(min=1, help="Its neurons.")] = 7863,
    dtype: Annotated[BenchType, typer.Option(help="The type of its files.")] = "float64",
    folder: Annotated[
        Path | None, typer.Option(help="Where it is written for the time; the system's by default.")
    ] = None,
) -> None:
    """Measure what this part of the project promises, each beside the plain way in the same run.

    Times are of this machine and of what else it does: compare ratios.
    """
    from models.bench.figure import figure_table, write_figures
    from models.bench.recordings import PROMISES, Size, bench_recordings

    size = Size(neurons=neurons, trials=trials, dtype=dtype)
    with err.status(f"measuring on a generated session of {size.bytes / 1e9:.1f} GB"):
        figures = bench_recordings(size, folder)
    title = f"{part}: {trials} trials x {size.frames} frames x {neurons} neurons, {dtype}"
    out.print(figure_table(title, figures, PROMISES))
    out.print(f"{figures[0].machine}; commit {figures[0].commit}")
    if json is not None:
        write_figures(json, figures)


@contextlib.contextmanager
def _resumable() -> Iterator[None]:
    """Say what a command that is interrupted leaves."""
    try:
        yield
    except KeyboardInterrupt as error:
        err.print("stopped; the same command goes on from here")
        raise typer.Exit(INTERRUPTED) from error


def _end_with(problems: Sequence[Problem], remedy: str) -> None:
    """Print problems, if there are any, and end the command."""
    for problem in problems:
        err.print(f"[red]problem:[/] {escape(str(problem))}")
    if problems:
        err.print(f"{len(problems)} found. {escape(remedy)}")
        raise typer.Exit(UNSOUND)


def _readable(line: dict[str, float], epochs: int) -> str:
    return (
        f"epoch {line['epoch']:.0f}/{epochs}  loss {line[TRAIN_LOSS]:.1f}  "
        f"validation correlation {line[SCORE]:.4f}  {line['seconds']:.1f} s"
    )
