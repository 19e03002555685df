"""One download of several sessions: the only place that knows all the parts."""

import contextlib
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from models.errors import Problem, ProblemsFound, StorageError, UserError
from models.files import storage_error
from models.recordings.download.catalogue import SERVER, address, check_base
from models.recordings.download.failures import SessionFailure, problem_of
from models.recordings.download.patience import Patience
from models.recordings.download.places import Place
from models.recordings.download.room import check_fetching
from models.recordings.download.session import SessionDownload
from models.recordings.download.watcher import Watcher
from models.recordings.download.workers import at_once
from models.recordings.locks import locking

THERE = "already there"
ALONE = "must be downloaded by one process at a time"
GO_ON = "Run the same command again: it keeps what is there and goes on from that."
PATIENCE = Patience()


def download_sessions(
    to: Path,
    sessions: Sequence[str],
    watcher: Watcher,
    base: str = SERVER,
    count: int = 3,
    patience: Patience | None = None,
) -> None:
    """Leave every session as the folder `to`/<session>, `count` at once; leave alone what is there.

    A session that cannot be had does not keep the others from being fetched. Raises ProblemsFound
    with all of these at the end; StorageError, before anything is fetched, where `to` cannot be
    written to or has too little room; UserError where `base` is no address.
    """
    check_base(base)
    download = _Download(to, base, count, patience or PATIENCE, watcher)
    with contextlib.ExitStack() as locks:
        missing = download.take(sessions, locks)
        download.fetch(download.ask(missing))
    problems = [download.problems[name] for name in sessions if name in download.problems]
    if problems:
        raise ProblemsFound(f"download to {to}", problems, GO_ON)


class _Download:
    def __init__(
        self, to: Path, base: str, count: int, patience: Patience, watcher: Watcher
    ) -> None:
        self.to, self.base, self.count = to, base, count
        self.patience, self.watcher = patience, watcher
        self.problems: dict[str, Problem] = {}

    def take(self, sessions: Sequence[str], locks: contextlib.ExitStack) -> list[SessionDownload]:
        """Those that are missing and ours to fetch, with their locks held until `locks` are left."""
        _make(self.to)
        missing = []
        for name in sessions:
            place = Place(self.to, name)
            there = None
            with self._noting(name):
                there = _is_there(place, locks)
            if there:
                self.watcher.end(name, THERE)
            elif there is not None:
                url = address(name, self.base)
                missing.append(SessionDownload(place, url, self.patience, self.watcher))
        return missing

    def ask(self, missing: Sequence[SessionDownload]) -> list[SessionDownload]:
        """Those that the server has; raises StorageError if they have no room."""

        def ask(session: SessionDownload, stop: threading.Event) -> SessionDownload:
            with self._noting(session.name):
                session.ask(stop)
            return session

        at_once(self.count, missing, ask, lambda asked: self.watcher.end(asked.name, None))
        found = [session for session in missing if session.version]
        self._check_room(found)
        return found

    def fetch(self, found: Sequence[SessionDownload]) -> None:
        """Fetch and unpack sessions, telling of each when it is there."""
        unpacking = threading.Lock()  # one at a time needs the least room

        def fetch(session: SessionDownload, stop: threading.Event) -> tuple[str, str | None]:
            with self._noting(session.name):
                return session.name, session.fetch(stop, unpacking)
            return session.name, None

        at_once(self.count, found, fetch, lambda ended: self.watcher.end(*ended))

    def _check_room(self, found: Sequence[SessionDownload]) -> None:
        missing, lengths = [one.missing for one in found], [one.length for one in found]
        try:
            check_fetching(self.to, missing, lengths)
        except StorageError as error:
            others = "".join(f"\nand {problem}" for problem in self.problems.values())
            raise StorageError(error.message + others, error.remedy) from error

    @contextlib.contextmanager
    def _noting(self, session: str) -> Iterator[None]:
        """What goes wrong with one session is kept for the end, and the others go on."""
        try:
            yield
        except UserError as error:
            self.problems[session] = problem_of(session, error)
        except OSError as error:
            refused = storage_error(self.to / session, error)
            self.problems[session] = problem_of(session, refused)


def _make(to: Path) -> None:
    try:
        to.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(to, error) from error


def _is_there(place: Place, locks: contextlib.ExitStack) -> bool:
    """Whether a session is complete; if not, it is locked. Left-overs of complete ones are removed."""
    if place.complete and not place.littered:
        return True
    ours = locks.enter_context(locking(place.lock))
    if place.complete:
        if ours:
            place.sweep()
        return True
    if not ours:
        raise SessionFailure(ALONE, "another one at it")
    place.check_free()
    return False
