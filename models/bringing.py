"""Runs whose files lie in a store as well: where, and what of them is fetched when it is missing here.

    <search>/store.json      {"uri": "s3://bucket/searches/august"}, the same search in its store

A run folder below has the same path below that URI. Only what is asked for is fetched, once.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from models.files import write_json
from models.remote import Remote
from models.runs import CONFIG, METRICS, STATUS, WEIGHTS, RunFolder

NOTE = "store.json"
SMALL = (CONFIG, METRICS, STATUS)
"""Of a run: what tells about it."""


def note_store(search: Path, store: Remote) -> None:
    """Write down in a search's folder where its store is."""
    write_json(search / NOTE, {"uri": store.uri})


def store_of(folder: Path) -> Remote | None:
    """Where a search, or a folder below it, is in its store; None where it has none."""
    search = search_of(folder)
    if search is None:
        return None
    place = Remote.parse(json.loads((search / NOTE).read_text())["uri"])
    below = folder.relative_to(search).as_posix()
    return place if below == "." else place / below


def search_of(folder: Path) -> Path | None:
    """The folder, or the nearest above it, that tells of a store; None where there is none."""
    return next((each for each in (folder, *folder.parents) if (each / NOTE).is_file()), None)


def bring(run: RunFolder, names: Sequence[str]) -> None:
    """Fetch those files of a run that are missing here, if its search has a store.

    A name that ends with a slash stands for all files of that folder. Raises StorageError.
    """
    store = store_of(run.path)
    if store is None:
        return
    for name in names:
        if name.endswith("/"):
            _bring_folder(run.path, store, name.rstrip("/"))
        elif not (run.path / name).exists():
            store.download(run.path, [name])


def bring_weights(run: RunFolder) -> None:
    """Fetch what predicting takes of a run, where it is missing here and its search has a store."""
    bring(run, [*SMALL, WEIGHTS])


def _bring_folder(run: Path, store: Remote, name: str) -> None:
    there = store / name
    lacking = [each for each in there.sizes() if not (run / name / each).exists()]
    there.download(run / name, lacking)
