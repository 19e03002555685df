"""One session's download, from the question what the server has to the session's folder."""

import threading

from rich.filesize import decimal

from models.recordings.download.failures import Damaged, SessionFailure, TryAgain
from models.recordings.download.fetch import Fetch, in_vain
from models.recordings.download.partial import Partial
from models.recordings.download.patience import Patience
from models.recordings.download.places import Place
from models.recordings.download.remote import Remote
from models.recordings.download.unpack import unpack
from models.recordings.download.versions import Version
from models.recordings.download.watcher import Watcher

UNDAMAGED = "the zip must agree with its own directory and checksums"


class SessionDownload:
    """One session; whoever has it work must hold the session's lock."""

    def __init__(self, place: Place, url: str, patience: Patience, watcher: Watcher) -> None:
        self.place, self.url, self.patience, self.watcher = place, url, patience, watcher
        self.partial = Partial(place)
        self.version: Version | None = None
        """What the server has; None before it was asked, or if it has not got the session."""

    @property
    def name(self) -> str:
        """The session."""
        return self.place.session

    @property
    def length(self) -> int:
        """Bytes of the zip; 0 where the server does not say it."""
        return (self.version and self.version.length) or 0

    @property
    def missing(self) -> int:
        """Bytes of the zip that are not here yet."""
        return max(0, self.length - self.partial.size)

    def ask(self, stop: threading.Event) -> None:
        """Learn which version the server has, and keep only parts of that.

        Raises SessionFailure where it has none or does not answer, OSError for the disk.
        """
        self.watcher.begin(self.name, "asking")
        with Remote(self.url, self.patience.silence) as remote:
            retrying = self.patience.for_questions.retrying(stop, self._note)
            try:
                version = retrying(remote.ask)
            except TryAgain as error:
                raise in_vain(self.url, self.patience.for_questions, error) from error
        self.partial.keep_only(version)
        self.version = version

    def fetch(self, stop: threading.Event, unpacking: threading.Lock) -> str:
        """Fetch and unpack what the server has; `unpacking` is held meanwhile. Returns what was done.

        A damaged zip is fetched once more. Raises SessionFailure, StorageError, OSError and Stopped.
        """
        here = self.partial.size
        try:
            self._fetch_once(stop, unpacking)
        except Damaged:
            here = 0
            self._fetch_again(stop, unpacking)
        size = self.partial.size
        self.place.sweep()
        before = f", {decimal(here)} of it by an earlier run" if here else ""
        return f"fetched {decimal(size)}{before}"

    def _fetch_again(self, stop: threading.Event, unpacking: threading.Lock) -> None:
        try:
            self._fetch_once(stop, unpacking)
        except Damaged as error:
            raise SessionFailure(UNDAMAGED, f"it damaged, twice: {error}") from error

    def _fetch_once(self, stop: threading.Event, unpacking: threading.Lock) -> None:
        self._fetch_zip(stop)
        try:
            with unpacking:
                self._unpack(stop)
        except (Damaged, SessionFailure):
            self.partial.discard()  # of no use, and the next run must not stumble over it again
            raise

    def _fetch_zip(self, stop: threading.Event) -> None:
        version = self.version or Version()
        self.watcher.begin(self.name, "fetching", self.partial.size)
        with Remote(self.url, self.patience.silence) as remote:
            Fetch(remote, self.partial, version, self.patience, stop).run(self._at, self._note)

    def _unpack(self, stop: threading.Event) -> None:
        self.watcher.begin(self.name, "unpacking")
        unpack(self.place, stop, self._at)

    def _at(self, done: int, total: int | None) -> None:
        self.watcher.at(self.name, done, total)

    def _note(self, text: str) -> None:
        self.watcher.note(self.name, text)
