"""The command that makes one model of several: distill."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from models.commands.common import Data, Device
from models.commands.runs import Config, Run, Sets, train_to_end
from models.console import out
from models.errors import UserError
from models.recordings.where import Where, where
from models.runs import RunFolder

if TYPE_CHECKING:
    from models import ensembles
    from models.config import RunConfig


def distill(
    data: Data,
    run: Run,
    teachers: Annotated[
        list[Path] | None,
        typer.Option(help="Complete runs to learn from: RUN RUN..., after DATA."),
    ] = None,
    further: Annotated[
        list[Path] | None, typer.Argument(hidden=True, metavar="[RUN]...")
    ] = None,  # an option takes one value: those that follow it come here
    manifest: Annotated[
        Path | None,
        typer.Option(help="Learn from the members of this ensemble, and say what that lost."),
    ] = None,
    config: Config = None,
    sets: Sets = None,
    weight: Annotated[
        float, typer.Option(help="The teachers' share of the loss, between 0 and 1.")
    ] = 0.36,
    truth: Annotated[
        Path | None, typer.Option(help="Withheld responses; DATA.truth by default.")
    ] = None,
    device: Device = "auto",
) -> None:
    """Train one model on recordings and on what other runs say, so that it stands for all of them.

    Each clip teaches its own mouse's readout what was measured, and the readouts of all other mice
    the teachers' mean. Teachers hold out the same trials; family and clip length may differ. A run
    that was stopped goes on from its last checkpoint.

    With --manifest the student is configured as the ensemble's best member, unless --config says
    otherwise, and holds out data.fold; only runs that held that out teach it.

    Next: python -m models score RUN --data DATA.
    """
    given = [*(teachers or []), *(further or [])]
    if (manifest is None) == (not given):
        found = "both" if given else "neither"
        message = f"a student learns from runs or from the members of a manifest; found {found}"
        raise UserError(message, "Give --teachers RUN RUN..., or --manifest FILE.")
    if manifest is not None:
        _from_manifest(manifest, where(data), run, config, sets or [], weight, truth, device)
        return
    from models.config import load_config
    from models.settings import read_settings

    content = read_settings(config, sets or []).model_dump(mode="json")
    _bring(given)
    folders = [str(teacher.resolve()) for teacher in given]
    content["distillation"] = {"teachers": folders, "weight": weight}
    train_to_end(run, load_config(content), where(data), device)


def _from_manifest(
    path: Path,
    data: Where,
    run: Path,
    config: Path | None,
    sets: list[str],
    weight: float,
    truth: Path | None,
    device: str,
) -> None:
    """Train the student of an ensemble, and tell what it lost."""
    from models import ensembles
    from models.evaluation import score_run

    known = ensembles.Manifest.read(path)
    student = _student(known, config, sets, weight)
    train_to_end(run, student, data, device)
    frames = int(known.options.get("frames", 249))
    raw, server = (
        score_run(data, run, truth, normalise, device, known.mice, frames)
        for normalise in (False, True)
    )
    found = ensembles.losses(known, raw, server)
    ensembles.write_losses(run, found)
    out.print(ensembles.losses_table(found))


def _bring(teachers: Sequence[Path]) -> None:
    """Fetch what is missing here of runs that are to teach, where their searches have a store."""
    from models.bringing import bring, bring_weights
    from models.predictions import file_name

    for run in (RunFolder(teacher.absolute()) for teacher in teachers):
        bring_weights(run)
        mice = run.record().mice if run.exists else []
        bring(run, [file_name(mouse.name) for mouse in mice])


def _student(
    known: "ensembles.Manifest", config: Path | None, sets: list[str], weight: float
) -> "RunConfig":
    """The student's configuration."""
    from models import ensembles
    from models.config import flatten, load_config, nest
    from models.settings import parse_values, read_file

    values = parse_values(sets)
    taught = ensembles.lesson(known, values.get("data.fold"))
    _bring(taught.teachers)
    of_best = flatten(taught.config.model_dump(mode="json", exclude={"distillation", "seed"}))
    chosen = read_file(config) if config is not None else of_best
    content = nest({**chosen, "data.fold": taught.fold, **values})
    content["distillation"] = {
        "teachers": [str(path.resolve()) for path in taught.teachers],
        "shares": list(taught.shares),
        "weight": weight,
    }
    if taught.silent:
        silent = ", ".join(taught.silent)
        out.print(escape(f"not asked, since they learnt from fold {taught.fold}: {silent}"))
    told = f"{len(taught.teachers)} teachers of {len(known.members)} members, fold {taught.fold}"
    out.print(escape(told))
    return load_config(content)
