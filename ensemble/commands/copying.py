"""The command that copies a submission to a store."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from models.console import out
from models.remote import Remote


def copy(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of 'build --out'.")],
    target: Annotated[
        str, typer.Argument(metavar="URI", help="Such as s3://bucket/submissions/august.")
    ],
) -> None:
    """Copy checked files, zips and report to a store, and last the manifest."""
    from ensemble.copying import copy_submission

    remote = Remote.parse(target)
    tell(copy_submission(folder, remote), remote)


def tell(names: list[str], remote: Remote) -> None:
    """Say what was copied where."""
    out.print(f"copied to:  {escape(str(remote))}, {len(names)} files, {names[-1]} last")
