"""What a server answered: which version of a file, from which byte on, and the bytes themselves."""

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

import requests

from models.recordings.download.failures import SessionFailure, TryAgain
from models.recordings.download.versions import Version

WHOLE, PART, BEYOND = 200, 206, 416
MAY_PASS = {408, 425, 429}
"""Besides all from 500 on."""
CHUNK = 1 << 16
QUOTED = 60
"""Characters of what is no zip."""
SIGNATURE = b"PK"
_PART = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")
_LENGTH_ALONE = re.compile(r"bytes \*/(\d+)")


@contextlib.contextmanager
def network(url: str) -> Iterator[None]:
    """Turn what the network does into TryAgain, and requests that make no sense into a failure."""
    try:
        yield
    except requests.exceptions.SSLError as error:
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            raise SessionFailure(f"{url} must have a valid certificate", _root(error)) from error
        raise TryAgain(_root(error)) from error
    except requests.Timeout as error:
        raise TryAgain("no answer in time") from error
    except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError) as error:
        raise TryAgain(_root(error)) from error
    except requests.RequestException as error:
        raise SessionFailure(f"{url} must be an address that can be asked", str(error)) from error


def _root(error: BaseException) -> str:
    """What was at the bottom of it, without the layers that it came up through."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


@dataclass(frozen=True)
class Answer:
    """The answer to one request; its status is one of WHOLE, PART and BEYOND."""

    response: requests.Response
    url: str

    def __post_init__(self) -> None:
        """Raise TryAgain or SessionFailure for every other status."""
        found = f"{self.status} {self.response.reason or ''}".rstrip()
        if self.status >= 500 or self.status in MAY_PASS:
            raise TryAgain(found, wait=self._wait())
        if self.status not in (WHOLE, PART, BEYOND):
            raise SessionFailure(f"must be at {self.url}", found)
        encoding = self.response.headers.get("Content-Encoding", "identity")
        if encoding != "identity":
            raise SessionFailure(f"must come as it is from {self.url}", f"it packed as {encoding}")

    @property
    def status(self) -> int:
        """200: the whole file. 206: from some byte on. 416: there is no such byte."""
        return self.response.status_code

    @property
    def start(self) -> int | None:
        """The first byte's position in the file; None where a part does not say it."""
        if self.status == WHOLE:
            return 0
        part = _PART.fullmatch(self._range)
        return int(part[1]) if part else None

    @property
    def version(self) -> Version:
        """Of the whole file, whether the answer is all of it or not."""
        return Version.of(self.response.headers, self._length())

    def chunks(self) -> Iterator[bytes]:
        """The body; raises TryAgain where it breaks off."""
        with network(self.url):
            for chunk in self.response.iter_content(CHUNK):
                if chunk:
                    yield chunk

    @property
    def _range(self) -> str:
        return self.response.headers.get("Content-Range", "").strip()

    def _length(self) -> int | None:
        if self.status == WHOLE:
            return _number(self.response.headers.get("Content-Length", ""))
        found = _PART.fullmatch(self._range)
        alone = _LENGTH_ALONE.fullmatch(self._range)
        return _number(found[2] if found else alone[1] if alone else "")

    def _wait(self) -> float:
        return float(_number(self.response.headers.get("Retry-After", "")) or 0)


def check_zip(beginning: bytes, url: str) -> None:
    """Raise SessionFailure, with a quotation, where bytes are not the beginning of a zip."""
    if not beginning or beginning[:2] != SIGNATURE[: len(beginning)]:
        text = beginning[: 4 * QUOTED].decode(errors="replace").strip()
        short = text if len(text) <= QUOTED else f"{text[:QUOTED]}..."
        found = f"what begins with {short!r}" if beginning else "an empty file"
        raise SessionFailure(f"must be a zip at {url}", found)


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() else None
