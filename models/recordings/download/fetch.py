"""One zip, fetched to its last byte over as many connections as it takes."""

import itertools
import threading
from collections.abc import Callable, Iterable

from models.recordings.download.answers import BEYOND, PART, Answer, check_zip
from models.recordings.download.failures import SessionFailure, Stopped, TryAgain
from models.recordings.download.partial import Partial
from models.recordings.download.patience import Patience, pause
from models.recordings.download.remote import Remote
from models.recordings.download.versions import Version

At = Callable[[int, int | None], None]
"""Gets the bytes that are here and those that there are."""


class Fetch:
    """The work on one zip.

    What has arrived stays, so that every connection, also of a later process, goes on where the last
    one ended. What can't be told to be a part of the server's present file is never added to.
    """

    def __init__(
        self,
        remote: Remote,
        partial: Partial,
        version: Version,
        patience: Patience,
        stop: threading.Event,
    ) -> None:
        self.remote, self.partial, self.version = remote, partial, version
        self.patience, self.stop = patience, stop
        self._furthest = partial.size
        """No going back to the beginning makes a byte count as progress twice."""
        self._ended = False
        """Whether the server has said that there is no more, in whatever way."""

    def run(self, at: At, note: Callable[[str], None]) -> None:
        """Fetch what is missing; `note` hears what is waited for.

        Raises SessionFailure where the server has not got the zip or several tries in a row brought
        nothing new, OSError for what the disk refuses, Stopped when the download ends.
        """
        retrying = self.patience.retrying(self.stop, note)
        try:
            while not self._complete:
                retrying(self._go_on, at)
        except TryAgain as error:
            raise in_vain(self.remote.url, self.patience, error) from error

    @property
    def _complete(self) -> bool:
        return self._ended or self.partial.size == self.version.length

    def _go_on(self, at: At) -> None:
        """One connection; raises TryAgain if it brought nothing that was not here before."""
        before = self._furthest
        try:
            self._connect(at)
        except TryAgain:
            if self._furthest == before:
                raise
            pause(self.stop, self.patience.first)
        else:
            if self._furthest == before and not self._complete:
                raise TryAgain("an answer without anything new")

    def _connect(self, at: At) -> None:
        size = self.partial.size
        with self.remote.get(size, self.version.condition) as answer:
            if answer.status == BEYOND:
                self._settle(answer, size)
            elif answer.status == PART and not self._continues(answer, size):
                self.partial.discard()
                raise TryAgain("a part of something else; beginning anew")
            elif answer.start == 0:
                self._begin(answer, at)
            else:
                self._add(answer.chunks(), size, at)
            self._ended |= self.version.length is None

    def _continues(self, answer: Answer, size: int) -> bool:
        return answer.start == size and answer.version.same_as(self.version)

    def _settle(self, answer: Answer, size: int) -> None:
        """There is nothing from here on: either all is here, or it is of something longer."""
        if not size or answer.version.length != size:
            self.partial.discard()
            raise TryAgain("less than what is here; beginning anew")
        self._ended = True

    def _begin(self, answer: Answer, at: At) -> None:
        chunks = answer.chunks()
        first = next(chunks, b"")
        check_zip(first, self.remote.url)  # before a part that is of use makes way for a page
        self.version = answer.version
        self._check_running()
        self.partial.begin(self.version)
        self._add(itertools.chain([first], chunks), 0, at)

    def _add(self, chunks: Iterable[bytes], size: int, at: At) -> None:
        with self.partial.path.open("ab") as file:
            for chunk in chunks:
                self._check_running()
                file.write(chunk)
                size += len(chunk)
                self._furthest = max(self._furthest, size)
                at(size, self.version.length)
        if self.version.length is not None and size > self.version.length:
            self.partial.discard()
            raise TryAgain("more than was announced; beginning anew")

    def _check_running(self) -> None:
        if self.stop.is_set():
            raise Stopped


def in_vain(url: str, patience: Patience, error: TryAgain) -> SessionFailure:
    """What is said where patience has ended."""
    found = f"{patience.tries} tries without progress, the last: {error}"
    return SessionFailure(f"must come from {url}", found)
