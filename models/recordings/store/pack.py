"""A data set being packed: several sessions at once, each whole or not there."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from models.errors import Problem, ProblemsFound, RecordingError, StorageError, UserError
from models.files import folder_bytes, storage_error
from models.recordings.films import remember
from models.recordings.folder import SessionFolder
from models.recordings.layout import is_session, session_folders
from models.recordings.locks import locking
from models.recordings.store.folders import is_packed, packed_sessions
from models.recordings.store.packed import PackedSession
from models.recordings.store.packing import Packing
from models.recordings.store.room import check_room
from models.recordings.store.source import Marks, check_unchanged, marks_of

SESSIONS_AT_ONCE = 4

Told = Callable[[str, int], None]
"""Called with a session's name and bytes of its source that are packed."""


@dataclass(frozen=True)
class Plan:
    """What is to be packed, and what is there already."""

    store: Path
    sources: tuple[SessionFolder, ...]
    """The sessions to be packed."""
    there: tuple[str, ...]
    """Names of those that are packed from these very files."""
    marks: dict[str, Marks]
    """The files of every source, by name."""
    again: bool
    """Whether what was packed, or begun, from other files is packed anew."""

    def told(self) -> list[str]:
        """What became of each session, when all are packed."""
        names = sorted((*self.there, *(source.name for source in self.sources)))
        return [self._told(name) for name in names]

    def _told(self, name: str) -> str:
        trials = len(PackedSession(self.store / name).tiers)
        sizes = (self.marks[name].size, folder_bytes(self.store / name))
        before, after = (f"{size / 1e9:.2f} GB" for size in sizes)
        how = "was packed before" if name in self.there else "packed"
        return f"{name}: {how}, {trials} trials, {before} in {after}"

    @property
    def size(self) -> int:
        """Bytes of the sources to be packed."""
        return sum(self.marks[source.name].size for source in self.sources)


def plan_packing(data: Path, store: Path, exact: bool = False, again: bool = False) -> Plan:
    """Look at sources and store. Raises RecordingError, or ProblemsFound with every session that
    was packed from other files or in another precision, unless `again` packs these anew."""
    sources = source_sessions(data)
    marks = {source.name: marks_of(source.path) for source in sources}
    problems, left, there = [], [], []
    for source in sources:
        if not is_packed(store / source.name):
            left.append(source)
            continue
        problem = _outdated(PackedSession(store / source.name), source, exact)
        if problem is None:
            there.append(source.name)
        elif again:
            left.append(source)
        else:
            problems.append(problem)
    if problems:
        remedy = "Pack them anew with --again, or choose another folder with --to."
        raise ProblemsFound(f"the store {store}", problems, remedy)
    return Plan(store, tuple(left), tuple(there), marks, again)


def source_sessions(data: Path) -> list[SessionFolder]:
    """The unpacked sessions of a data set; a RecordingError where there are none."""
    folders = [path.resolve() for path in session_folders(data)]
    sources = [SessionFolder(path) for path in folders if is_session(path)]
    if not sources:
        packed = is_packed(data) or packed_sessions(data)
        message = f"{data} {'is packed already' if packed else 'holds no recording'}"
        remedy = "Give the folder of the unpacked sessions; 'python -m models synth DIR' makes one."
        raise RecordingError(message, remedy)
    return sources


def pack(plan: Plan, exact: bool, jobs: int, told: Told = lambda _name, _bytes: None) -> None:
    """Pack what is left of the plan with `jobs` threads in all, then group all films of the store.

    Sessions that can be packed are, whatever happens to others; ProblemsFound names those.
    Interrupted, it leaves what is written for the next time.
    """
    if plan.sources:
        check_room(plan.store, plan.sources, exact)
    try:
        plan.store.mkdir(parents=True, exist_ok=True)
        with locking(plan.store / ".lock") as mine:
            if not mine:
                message = f"another process is packing into {plan.store}"
                raise UserError(message, "Wait for it, or choose another folder with --to.")
            problems = _pack_all(plan, exact, jobs, told)
            remember(plan.store, [PackedSession(path) for path in packed_sessions(plan.store)])
    except OSError as error:
        raise storage_error(plan.store, error) from error
    if problems:
        remedy = "Mend these and run it again with --again; the rest is packed."
        raise ProblemsFound("packing", problems, remedy)


def _pack_all(plan: Plan, exact: bool, jobs: int, told: Told) -> list[Problem]:
    """What keeps sessions from being packed."""
    at_once = max(1, min(len(plan.sources), jobs, SESSIONS_AT_ONCE))
    stop = threading.Event()
    problems: list[Problem] = []
    with ThreadPoolExecutor(at_once) as pool:
        futures = {
            pool.submit(_pack_one, source, plan, exact, max(1, jobs // at_once), told, stop): source
            for source in plan.sources
        }
        try:
            for future in as_completed(futures):
                problems += _problems(futures[future], future)
        except BaseException:  # an interrupt, which is not to wait for whole sessions
            stop.set()
            pool.shutdown(cancel_futures=True)
            raise
    return problems


def _pack_one(
    source: SessionFolder, plan: Plan, exact: bool, threads: int, told: Told, stop: threading.Event
) -> None:
    packing = Packing(source, plan.store, exact, threads, plan.again)
    packing.run(lambda size: told(source.name, size), stop.is_set)


def _problems(source: SessionFolder, future: Future[None]) -> Sequence[Problem]:
    try:
        future.result()
    except (RecordingError, StorageError) as error:
        return [Problem(source.name, f"can be packed ({error.remedy})", error.message)]
    return []


def _outdated(packed: PackedSession, source: SessionFolder, exact: bool) -> Problem | None:
    """Why a packed session is not what would be packed now; None where it is."""
    try:
        half = not packed.header.exact
        if exact and half:
            return Problem(str(packed.path), "holds exact responses", "half precision")
        check_unchanged(packed.source_marks, source.path)
    except RecordingError as error:
        return Problem(str(packed.path), "is packed from these files", error.message)
    return None
