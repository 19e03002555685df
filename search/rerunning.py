"""`python -m search rerun`: a trial trained once more, from its record."""

import sys
from typing import Annotated

import typer

from models.console import out
from models.runs import home_folder
from search.options import UNFIT, Address, Data, Home
from search.plan import FIT

NEXT = "Next: python -m search report NAME"


def rerun(
    trial: Annotated[str, typer.Argument(metavar="NAME/TRIAL", help="Such as first/17.")],
    data: Data = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    address: Address = None,
    home: Home = None,
) -> None:
    """Train a trial again from its record, and say whether it comes out the same."""
    from search.rerun import parse_trial
    from search.rerun import rerun as train

    name, number = parse_trial(trial)
    agreement = train(home_folder(home), name, number, device, data, FIT, out.print, address)
    for line in agreement.lines():
        out.print(line)
    if not agreement.agrees:
        sys.exit(UNFIT)
