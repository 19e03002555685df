"""Whether a packed session is what its source says: everything that is not, at once."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from models.errors import Problem, RecordingError
from models.recordings.arrays import TrialArrays, held
from models.recordings.count import Count, Progress
from models.recordings.folder import SessionFolder
from models.recordings.folds import as_text, film_hash
from models.recordings.store.folders import ARRAYS, META, SOURCE, is_packed
from models.recordings.store.header import PackedTrial
from models.recordings.store.pack import source_sessions
from models.recordings.store.packed import PackedSession
from models.recordings.store.source import marks_of, write_marks

Done = Callable[[], None]
"""Called after each trial."""


def verify_store(data: Path, store: Path, progress: Progress | None = None) -> list[Problem]:
    """Every difference between a store and the unpacked sessions of `data`."""
    sources = source_sessions(data)
    count = Count(sum(len(source.tiers) for source in sources), progress)
    problems = []
    for source in sources:
        if is_packed(store / source.name):
            packed = PackedSession(store / source.name)
            problems += verify(packed, source, count.of(source.name))
        else:
            rule = f"is packed from {source.path}"
            problems.append(Problem(str(store / source.name), rule, "nothing there"))
    return problems


def verify(
    packed: PackedSession, source: SessionFolder, done: Done = lambda: None
) -> list[Problem]:
    """Every difference between a packed session and its source, read whole.

    Where there is none, the sizes and times of the source's files are noted anew: a copied source
    is known again from then on.
    """
    now = marks_of(source.path)
    found = differences(packed, source, done)
    if not found and now != packed.source_marks:
        write_marks(packed.path / SOURCE, now)
    return found


def damages(packed: PackedSession, done: Done = lambda: None) -> list[Problem]:
    """Every file of a packed session, and every trial in each array, that is not as it was packed."""
    try:
        files, arrays = packed.header.files, packed.header.arrays
    except RecordingError as error:
        return [_problem(packed, error)]
    found = [_refused(packed, partial(packed.check_file, name)) for name in files]
    found.append(_refused(packed, lambda: packed.source_marks))
    found += [_refused(packed, partial(packed.mapped, name)) for name in arrays]
    for trial in packed.tiers:
        found += [_refused(packed, partial(packed.look, trial, name)) for name in arrays]
        done()
        packed.release()
    return list(dict.fromkeys(problem for problem in found if problem is not None))


def differences(
    packed: PackedSession, source: SessionFolder, done: Done = lambda: None
) -> list[Problem]:
    """Every trial and file in which a packed session is not its source, once packed."""
    found = damages(packed)
    if found:
        return found
    found += _tier_problems(packed, source)
    for entry in packed.header.trials:
        if entry.number in source.tiers:
            found += _trial_problems(packed, source, entry)
        done()
        packed.release()
    return found + list(_meta_problems(packed, source))


def _tier_problems(packed: PackedSession, source: SessionFolder) -> list[Problem]:
    if packed.tiers == source.tiers:
        return []
    other = sorted({n for n, _ in packed.tiers.items() ^ source.tiers.items()})
    rule = f"has the trials and tiers of {source.path}"
    return [Problem(str(packed.path), rule, f"others in {', '.join(map(str, other))}")]


def _trial_problems(
    packed: PackedSession, source: SessionFolder, entry: PackedTrial
) -> Iterator[Problem]:
    there = source.file("responses", entry.number).exists()
    try:
        arrays = held(source, entry.number, packed.header.exact)
    except RecordingError as error:
        yield Problem(str(packed.path), f"is packed from {source.path}", error.message)
        return
    for name, same in _compared(packed, entry, arrays).items():
        if not same:
            yield Problem(
                f"{packed.path}/{name}.npy",
                "holds what its source does",
                f"trial {entry.number} differs",
            )
    if (entry.responses == "missing") == there:
        yield Problem(str(packed.path), "misses what its source does", f"trial {entry.number}")
    if as_text(film_hash(arrays.video)) != entry.film:
        yield Problem(
            str(packed.path), "knows each film by its hash", f"trial {entry.number} differs"
        )


def _compared(packed: PackedSession, entry: PackedTrial, arrays: TrialArrays) -> dict[str, bool]:
    """Whether each array of a trial is what its source would be packed to."""
    theirs, rows = arrays.parts, packed.places[entry.number].rows
    return {
        name: name in entry.checksums
        and name in theirs
        and np.array_equal(packed.mapped(name).array[rows(name)], theirs[name], equal_nan=True)
        for name in ARRAYS
        if name in entry.checksums or name in theirs
    }


def _meta_problems(packed: PackedSession, source: SessionFolder) -> Iterator[Problem]:
    ours = {name for name in packed.header.files if name.startswith(f"{META}/")}
    theirs = marks_of(source.path, [META]).files.keys()
    for name in sorted(ours ^ theirs):
        yield Problem(
            f"{packed.path}/{name}", f"is there as in {source.path}", "is only in one of them"
        )
    for name in sorted(ours & theirs):
        if (packed.path / name).read_bytes() != (source.path / name).read_bytes():
            yield Problem(
                f"{packed.path}/{name}", f"is the file of {source.path}", "another content"
            )


def _refused(packed: PackedSession, check: Callable[[], object]) -> Problem | None:
    try:
        check()
    except RecordingError as error:
        return _problem(packed, error)
    return None


def _problem(packed: PackedSession, error: RecordingError) -> Problem:
    return Problem(str(packed.path), "is as it was packed", error.message)
