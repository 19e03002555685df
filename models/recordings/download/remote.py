"""One file on a server: asked about, and asked for from some byte on."""

import contextlib
from collections.abc import Iterator
from types import TracebackType

import requests

from models.recordings.download.answers import BEYOND, Answer, check_zip, network
from models.recordings.download.versions import Version

BEGINNING = 512
"""Bytes that are asked for to learn what a file is."""
PROGRAM = "sensorium-search"


class Remote:
    """A file by its address; a context manager, since it keeps its connection."""

    def __init__(self, url: str, seconds: float) -> None:
        self.url = url
        self._seconds = seconds
        """How long a server may be silent."""
        self._http = requests.Session()
        # Compressed once more, a file would have other lengths and positions.
        self._http.headers.update({"Accept-Encoding": "identity", "User-Agent": PROGRAM})

    def __enter__(self) -> "Remote":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.close()

    def ask(self) -> Version:
        """Which version of the file there is, and whether it is a zip at all.

        Asks for its first bytes, since servers answer HEAD less reliably than GET, and since pages
        and pointers in the place of files are seen in time. Raises TryAgain and SessionFailure.
        """
        with self._answer({"Range": f"bytes=0-{BEGINNING - 1}"}) as answer:
            beginning = b"" if answer.status == BEYOND else next(answer.chunks(), b"")
            check_zip(beginning, self.url)
            return answer.version

    @contextlib.contextmanager
    def get(self, offset: int, condition: str | None) -> Iterator[Answer]:
        """Ask for the file from byte `offset` on, or whole if `condition` holds no longer."""
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        if offset and condition:
            headers["If-Range"] = condition
        with self._answer(headers) as answer:
            yield answer

    @contextlib.contextmanager
    def _answer(self, headers: dict[str, str]) -> Iterator[Answer]:
        with network(self.url):
            response = self._http.get(self.url, headers=headers, stream=True, timeout=self._seconds)
        with response:
            yield Answer(response, self.url)
