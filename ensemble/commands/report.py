"""The command that writes the report of a submission."""

from pathlib import Path
from typing import Annotated

import typer

from ensemble.options import Data
from models.console import out


def report(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="The folder with manifest.json, or that file.")
    ],
    data: Data,
    to: Annotated[
        Path | None, typer.Option(help="The file to write; default: report.html in DIR.")
    ] = None,
) -> None:
    """Write one HTML file about a submission: members, weights, gains, traces."""
    from ensemble.manifest import Manifest  # these take seconds to import
    from ensemble.report.page import FILE, write_report
    from models.fetching import fetched
    from models.recordings.data_set import open_sessions

    manifest = Manifest.read(folder)
    beside = folder if folder.is_dir() else folder.parent
    out.print(write_report(manifest, open_sessions(fetched(data)), to or beside / FILE))
