"""The command that makes one model of several: distill."""

from pathlib import Path
from typing import Annotated

import typer

from models.commands.common import Data, Device
from models.commands.runs import Config, Run, Sets, train_to_end


def distill(
    data: Data,
    teachers: Annotated[
        list[Path], typer.Option(help="Complete runs to learn from: RUN RUN..., after DATA.")
    ],
    run: Run,
    further: Annotated[
        list[Path] | None, typer.Argument(hidden=True, metavar="[RUN]...")
    ] = None,  # an option takes one value: those that follow it come here
    config: Config = None,
    sets: Sets = None,
    weight: Annotated[
        float, typer.Option(help="The teachers' share of the loss, between 0 and 1.")
    ] = 0.36,
    device: Device = "auto",
) -> None:
    """Train one model on recordings and on what other runs say, so that it stands for all of them.

    Each clip teaches its own mouse's readout what was measured, and the readouts of all other mice
    the teachers' mean. Teachers hold out the same trials; family and clip length may differ. A run
    that was stopped goes on from its last checkpoint.

    Next: python -m models score RUN --data DATA.
    """
    from models.config import load_config
    from models.settings import read_settings

    content = read_settings(config, sets or []).model_dump(mode="json")
    folders = [str(teacher.resolve()) for teacher in (*teachers, *(further or []))]
    content["distillation"] = {"teachers": folders, "weight": weight}
    train_to_end(run, load_config(content), data, device)
