"""The command that brings packed recordings to where every node of a cluster fetches them: upload."""

from pathlib import Path
from typing import Annotated

import typer
from rich.filesize import decimal
from rich.markup import escape

from models.commands.common import resumable
from models.console import out
from models.progress import transferring


def upload(
    store: Annotated[
        Path, typer.Argument(metavar="DATA.packed", help="A store that 'models pack' has made.")
    ],
    uri: Annotated[
        str, typer.Argument(metavar="URI", help="A folder of its own: s3://BUCKET/DATA.packed.")
    ],
    replace: Annotated[
        bool, typer.Option("--replace", help="In the place of another store, which no search uses.")
    ] = False,
) -> None:
    """Bring a packed store to a bucket, so that all commands take its URI for DATA.

    Every machine fetches it once, to $SENSORIUM_CACHE, and compares each file with its hash.

    Next: python -m search run URI --name NAME.
    """
    from models.recordings.store.uploading import is_there, manifest_of, store_bytes
    from models.recordings.store.uploading import upload as send
    from models.remote import Remote

    remote = Remote.parse(uri)
    with resumable(), transferring(store_bytes(store)) as read:
        manifest = manifest_of(store, read)
    what = f"{remote}: {decimal(manifest.size)}, recordings {manifest.fingerprint}"
    if is_there(manifest, remote, replace):
        out.print(escape(f"{what}, uploaded before"))
    else:
        with resumable(), transferring(manifest.size) as sent:
            send(store, manifest, remote, sent)
        out.print(escape(f"{what}, uploaded"))
    out.print(escape(f"next: python -m search run {remote} --name NAME"))
