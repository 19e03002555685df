"""One session being packed: trials are read ahead by threads and written in their order."""

import shutil
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import torch

from models.errors import RecordingError
from models.files import flush, storage_error
from models.recordings.arrays import TrialArrays, held
from models.recordings.folder import SessionFolder
from models.recordings.folds import as_text, film_hash
from models.recordings.store.folders import META, SOURCE
from models.recordings.store.header import (
    Header,
    PackedFile,
    PackedTrial,
    State,
    packed_file,
    write_header,
)
from models.recordings.store.partial import (
    JOURNAL,
    Partial,
    Settings,
    TooNarrow,
    remove,
    settings_of,
)
from models.recordings.store.source import Marks, check_unchanged, marks_of, write_marks

AHEAD = 2
"""Trials a thread may be ahead of what is written; this bounds the memory."""

ReadTrial = tuple[PackedTrial, TrialArrays]
Told = Callable[[int], None]
"""Called with bytes of the source that are packed."""


class Packing:
    """A session on its way into a store. Raises RecordingError for what cannot be packed."""

    def __init__(
        self, source: SessionFolder, store: Path, exact: bool, threads: int, again: bool = False
    ) -> None:
        """`again`: what was begun from other files begins anew; it is a RecordingError without."""
        self.source, self.target = source, store / source.name
        self.exact, self.threads, self.again = exact, threads, again
        self.folder = partial_folder(store, source.name)

    def run(self, told: Told, stopped: Callable[[], bool]) -> bool:
        """Pack, or go on packing; whether it is complete: not where `stopped` says so before.

        The packed session appears under its name only when it is complete and on the disk.
        """
        try:
            return self._run(told, stopped)
        except OSError as error:
            raise storage_error(self.folder, error) from error

    def _run(self, told: Told, stopped: Callable[[], bool]) -> bool:
        settings = self._settings()
        sizes = _sizes(settings.marks)
        while True:
            partial = Partial(self.folder, settings)
            try:
                if not self._fill(partial, sizes, told, stopped):
                    return False
                self._finish(partial)
                told(settings.marks.size - sum(sizes.values()))
                return True
            except TooNarrow as wider:  # everything once more
                told(-sum(sizes.get(trial.number, 0) for trial in partial.trials))
                types = {"videos": wider.videos, "responses": wider.responses}
                settings = settings.model_copy(update=types)
            finally:
                partial.abandon()

    def _settings(self) -> Settings:
        """Those of the run that is continued, else new ones."""
        before = settings_of(self.folder)
        if before is not None and before.exact == self.exact and self._goes_on(before):
            return before
        remove(self.folder)
        first = next(iter(self.source.tiers), None)
        if first is None:
            message = f"{self.source.path} has no trial with a video"
            raise RecordingError(message, f"Run 'python -m models check {self.source.path}'.")
        return Settings(
            marks=marks_of(self.source.path),
            exact=self.exact,
            neurons=self.source.neurons,
            size=self.source.video(first).shape[1:],
            videos="|u1",
            responses="<f4" if self.exact else "<f2",
        )

    def _goes_on(self, before: Settings) -> bool:
        """Whether what was begun is continued: not where its source changed."""
        try:
            check_unchanged(before.marks, self.source.path)
        except RecordingError:
            if not self.again:
                raise
            return False
        return True

    def _fill(
        self, partial: Partial, sizes: Mapping[int, int], told: Told, stopped: Callable[[], bool]
    ) -> bool:
        """Write the trials that are not yet there; whether all are. `sizes` are bytes by trial."""
        done = {trial.number for trial in partial.trials}
        told(sum(sizes.get(number, 0) for number in done))
        left = [number for number in self.source.tiers if number not in done]
        with ThreadPoolExecutor(
            self.threads, initializer=torch.set_num_threads, initargs=(1,)
        ) as pool:
            for entry, arrays in _ahead(pool, self._read, left, AHEAD * self.threads):
                partial.add(entry, arrays)
                told(sizes.get(entry.number, 0))
                if stopped():
                    return False
        return True

    def _read(self, number: int) -> ReadTrial:
        """A trial in the form it is packed in, and its entry, still without checksums."""
        arrays = held(self.source, number, self.exact)
        there = self.source.file("responses", number).exists()
        unknown: State = "withheld" if there else "missing"
        entry = PackedTrial(
            number=number,
            tier=self.source.tiers[number],
            length=len(arrays.behaviour),
            responses="known" if arrays.responses is not None else unknown,
            film=as_text(film_hash(arrays.video)),
            checksums={},
        )
        return entry, arrays

    def _finish(self, partial: Partial) -> None:
        marks = partial.settings.marks
        check_unchanged(marks, self.source.path)
        partial.close()
        partial.clear()
        write_marks(self.folder / SOURCE, marks)
        self._copy_meta(marks)
        write_header(self.folder, self._header(partial))
        for path in self.folder.rglob("*"):
            flush(path)
        _replace(self.folder, self.target)
        (self.target / JOURNAL).unlink()  # not before: until then it could have been needed

    def _copy_meta(self, marks: Marks) -> None:
        """Contents alone: a source that may not be written to makes no such store."""
        for name in (name for name in marks.files if name.startswith(f"{META}/")):
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self.source.path / name, self.folder / name)

    def _header(self, partial: Partial) -> Header:
        return Header(
            name=self.source.name,
            digest=self.source.digest,
            exact=self.exact,
            arrays=partial.records,
            files=_files(self.folder),
            trials=tuple(partial.trials),
        )


def partial_folder(store: Path, session: str) -> Path:
    """Where a session lies while it is being packed."""
    return store / f".{session}.partial"


def _ahead(
    pool: ThreadPoolExecutor,
    read: Callable[[int], ReadTrial],
    numbers: Sequence[int],
    most: int,
) -> Iterator[ReadTrial]:
    """What `read` gives for each number, in order; at most `most` are in memory."""
    waiting: deque[Future[ReadTrial]] = deque()
    for number in numbers:
        waiting.append(pool.submit(read, number))
        if len(waiting) >= most:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _sizes(marks: Marks) -> dict[int, int]:
    """Bytes of the source by trial."""
    sizes: dict[int, int] = {}
    for name, (size, _) in marks.files.items():
        stem = Path(name).stem
        if name.startswith("data/") and stem.isdecimal():
            sizes[int(stem)] = sizes.get(int(stem), 0) + size
    return sizes


def _files(folder: Path) -> dict[str, PackedFile]:
    """The files of a packed session that are read whole."""
    meta = sorted(path for path in (folder / META).rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): packed_file(path) for path in meta}


def _replace(folder: Path, target: Path) -> None:
    """Let a complete session take its name; an older one goes only then."""
    old = target.with_name(f".{target.name}.old")
    remove(old)
    if target.exists():
        target.replace(old)
    folder.replace(target)
    flush(target.parent)
    remove(old)
