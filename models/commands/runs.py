"""The commands about one run: train, predict, score."""

from pathlib import Path
from typing import Annotated

import typer

from models.commands.common import UNSOUND, Data, DataOption, Device
from models.console import err, out
from models.errors import UserError
from models.runs import SCORE, TRAIN_LOSS


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


def _readable(line: dict[str, float], epochs: int) -> str:
    return (
        f"epoch {line['epoch']:.0f}/{epochs}  loss {line[TRAIN_LOSS]:.1f}  "
        f"validation correlation {line[SCORE]:.4f}  {line['seconds']:.1f} s"
    )
