"""Recordings that are fetched to this machine while somebody looks on."""

from rich.filesize import decimal
from rich.markup import escape

from models.console import err
from models.progress import transferring
from models.recordings.fetched import local_folder, look_at
from models.recordings.where import Where, where

WAITING = "another process fetches them"


def fetched(data: Where) -> Where:
    """The same place, from which recordings can be opened at once: a store is fetched under a bar.

    Raises UserError as `models.recordings.fetched.local_folder` does.
    """
    place = where(data)
    if isinstance(place, str):
        _, missing = look_at(place)
        if missing:
            _fetch(place, missing)
    return place


def _fetch(uri: str, missing: int) -> None:
    with transferring(missing) as told:
        folder = local_folder(
            uri,
            lambda name, more: told(name or WAITING, more),
            lambda line: err.print(escape(line)),
        )
    err.print(escape(f"{uri}: {decimal(missing)} fetched to {folder}"))
