"""Whether the disk has room for what is to be packed."""

from collections.abc import Sequence
from pathlib import Path

from models.errors import RecordingError, StorageError
from models.files import folder_bytes, free_bytes
from models.recordings.folder import SessionFolder
from models.recordings.layout import KINDS, read_array
from models.recordings.store.packing import partial_folder

KEPT = {"videos": 1, "responses": 2}
"""Bytes that a value takes when it is packed, at least; others keep their size."""


def check_room(store: Path, sources: Sequence[SessionFolder], exact: bool) -> None:
    """StorageError where the store's disk is too small, as far as the source's sizes tell."""
    wanted = sum(_packed_size(source, exact) for source in sources)
    begun = sum(folder_bytes(partial_folder(store, source.name)) for source in sources)
    free = free_bytes(store)
    if wanted - begun > free:
        message = (
            f"packing needs {(wanted - begun) / 1e9:.1f} GB; {store} has {free / 1e9:.1f} GB left"
        )
        raise StorageError(message, "Free some space, or choose another folder with --to.")


def _packed_size(source: SessionFolder, exact: bool) -> int:
    """Bytes, counting withheld responses and padding, which are not kept."""
    try:
        kinds = sum(_kind_size(source, kind, exact) for kind in KINDS)
    except RecordingError:  # it cannot be packed, which is told when it is its turn
        return 0
    return folder_bytes(source.path / "meta") + kinds


def _kind_size(source: SessionFolder, kind: str, exact: bool) -> int:
    first = next((n for n in source.tiers if source.file(kind, n).exists()), None)
    if first is None:
        return 0
    width = read_array(source.file(kind, first)).dtype.itemsize
    kept = 4 if exact and kind == "responses" else KEPT.get(kind, width)
    return folder_bytes(source.path / "data" / kind) * kept // width
