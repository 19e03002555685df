"""The commands about one run: train, predict, score."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from models.commands.common import UNSOUND, Data, DataOption, Device
from models.console import err, out
from models.errors import UserError
from models.progress import counting
from models.recordings.where import Where, where
from models.runs import SCORE, TRAIN_LOSS, RunFolder

if TYPE_CHECKING:
    from models.config import InferenceConfig, RunConfig
    from models.predictions import Array


Run = Annotated[Path, typer.Option(help="The run's folder; one that was begun goes on.")]
Config = Annotated[Path | None, typer.Option(help="JSON or YAML; what it leaves out is default.")]
Sets = Annotated[
    list[str] | None, typer.Option("--set", help="One value, such as training.epochs=5.")
]


def train(
    data: Data, run: Run, config: Config = None, sets: Sets = None, device: Device = "auto"
) -> None:
    """Train one model. A run that was stopped goes on from its last checkpoint.

    Next: python -m models score RUN --data DATA.
    """
    from models.settings import read_settings

    train_to_end(run, read_settings(config, sets or []), where(data), device)


def train_to_end(run: Path, config: "RunConfig", data: Where, device: str) -> None:
    """Train the epochs that are left, and tell of each."""
    from models.fetching import fetched
    from models.fit import Fit
    from models.training.failure import TrainingFailed

    fit, told = Fit(run, config, fetched(data), device), 0
    try:
        while not fit.done:
            line = fit.train_epoch()
            out.print(_readable(line, fit.config.training.epochs))
            for note in fit.notes[told:]:
                err.print(f"note: {escape(note)}")
            told = len(fit.notes)
    except TrainingFailed as failure:
        words = "; ".join(filter(None, (failure.reason, failure.remedy)))
        err.print(f"[red]failed:[/] {escape(words)}")
        raise typer.Exit(UNSOUND) from failure
    fit.finish()
    out.print(f"next: python -m models score {run} --data {data}")


def predict(
    run: Annotated[Path, typer.Argument(help="A trained run's folder.")],
    data: DataOption,
    out_folder: Annotated[
        Path, typer.Option("--out", help="Folder for predictions/<mouse>.npz, float16.")
    ],
    tier: Annotated[str, typer.Option(help="The tier whose trials are predicted.")] = "oracle",
    stride: Annotated[
        int | None, typer.Option(min=1, help="Frames between windows; as the run's by default.")
    ] = None,
    windows: Annotated[
        int | None, typer.Option(min=1, help="Windows that see each frame, instead of --stride.")
    ] = None,
    device: Device = "auto",
) -> None:
    """Predict every trial of a tier: an .npz a mouse with trials, lengths and values (frames, N).

    A mouse's file is whole or not there. Fewer windows take less time; only networks that see a
    trial in windows have any.
    """
    from models import predictions
    from models.bringing import bring_weights
    from models.fetching import fetched
    from models.recordings.data_set import open_sessions
    from models.recordings.layout import TIERS
    from models.trained import TrainedRun

    if tier not in TIERS:
        raise UserError(f"there is no tier '{tier}'", f"Choose one of {', '.join(TIERS)}.")
    bring_weights(RunFolder(run.absolute()))
    trained = TrainedRun.open(run, device, _inference(stride, windows))
    # All mice are looked up before the first is predicted.
    tiers = [
        (session, trained.predict_tier(session, tier)) for session in open_sessions(fetched(data))
    ]
    for session, predicted in tiers:
        name, of = session.name, len(session.trials(tier))
        with counting() as told:
            predictions.write(out_folder, name, _told(predicted, name, of, told))
        out.print(f"{name}: {of} trials of {tier}")


def _inference(stride: int | None, windows: int | None) -> "InferenceConfig | None":
    """What the options say; None where they say nothing."""
    from models.config import InferenceConfig

    if stride is not None and windows is not None:
        message = f"--stride {stride} and --windows {windows} say different things"
        raise UserError(message, "Give one of the two.")
    if stride is None and windows is None:
        return None
    return InferenceConfig(stride=stride, windows=windows)


def _told(
    predicted: "Iterable[tuple[int, Array]]",
    name: str,
    of: int,
    told: Callable[[str, int, int], None],
) -> "Iterator[tuple[int, Array]]":
    """The same, telling how many of a mouse's trials are done."""
    told(name, 0, of)
    for done, pair in enumerate(predicted, 1):
        yield pair
        told(name, done, of)


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
    from models.bringing import bring_weights
    from models.evaluation import score_run, score_table
    from models.fetching import fetched

    if run is not None:
        bring_weights(RunFolder(run.absolute()))
    rows = score_run(fetched(data), run, truth, normalise=not raw, device=device)
    out.print(score_table(rows, normalise=not raw))


def _readable(line: dict[str, float], epochs: int) -> str:
    return (
        f"epoch {line['epoch']:.0f}/{epochs}  loss {line[TRAIN_LOSS]:.1f}  "
        f"validation correlation {line[SCORE]:.4f}  {line['seconds']:.1f} s"
    )
