"""A folder that is known by its URI, as s3://bucket/searches: in a bucket, or anywhere pyarrow reaches.

Searches work in folders of their own machine and copy what is to outlast it; nothing is changed in
place over there. An object of a bucket is either whole or not there.
"""

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, NoReturn

from models.errors import StorageError, UserError
from models.files import replacing

SCHEMES = ("s3://", "gs://", "gcs://", "file://")
_CHUNK = 8 * 1024 * 1024


def is_uri(text: str) -> bool:
    """Whether a place is known by a URI and not by a path."""
    return "://" in text


@dataclass(frozen=True)
class Remote:
    """A folder by its URI. Everything raises StorageError where it cannot be reached."""

    uri: str

    @classmethod
    def parse(cls, text: str) -> "Remote":
        """Raises UserError for what is not the URI of a folder that pyarrow can reach."""
        if not text.startswith(SCHEMES):
            known = ", ".join(SCHEMES)
            raise UserError(f"a URI begins with one of {known}; found {text!r}")
        return cls(text.rstrip("/"))

    def __truediv__(self, name: str) -> "Remote":
        head, mark, options = self.uri.partition("?")
        return Remote(f"{head}/{name}{mark}{options}")

    def __str__(self) -> str:
        return self.uri

    def read(self, name: str) -> bytes | None:
        """A small file; None where there is none."""
        with self._reaching(), contextlib.suppress(FileNotFoundError):
            with self._files.open_input_stream(self._path(name), compression=None) as stream:
                content: bytes = stream.read()
            return content
        return None

    def write(self, name: str, content: bytes) -> None:
        """A small file, whole or not at all."""
        self._put(name, lambda stream: stream.write(content))

    def upload(self, folder: Path, names: Sequence[str]) -> None:
        """Copy files of a folder, in this order; those that are not there are left out."""
        for name in names:
            with contextlib.suppress(FileNotFoundError), (folder / name).open("rb") as file:
                self._put(name, partial(_copy, file))

    def download(self, folder: Path, names: Sequence[str] | None = None) -> list[str]:
        """Copy files, or all, into a folder, each whole or not at all; the names of those copied."""
        copied = []
        for name in sorted(self.sizes()) if names is None else names:
            with self._reaching(), contextlib.suppress(FileNotFoundError):
                with (
                    self._files.open_input_stream(self._path(name), compression=None) as stream,
                    replacing(folder / name) as temporary,
                    temporary.open("wb") as file,
                ):
                    _copy(stream, file)
                copied.append(name)
        return copied

    def sizes(self) -> dict[str, int]:
        """By name, relative and with slashes, the bytes of all files below; {} where there is none."""
        from pyarrow import fs

        top = self._path("")
        with self._reaching():
            found = self._files.get_file_info(
                fs.FileSelector(top, recursive=True, allow_not_found=True)
            )
        files = (each for each in found if each.type == fs.FileType.File)
        return {each.path.removeprefix(top).lstrip("/"): each.size for each in files}

    def has(self, name: str) -> bool:
        """Whether there is a file of this name."""
        from pyarrow import fs

        with self._reaching():
            found = self._files.get_file_info(self._path(name))
        return bool(found.type == fs.FileType.File)

    def remove(self, name: str) -> None:
        """Remove a file, if there is one."""
        with self._reaching(), contextlib.suppress(FileNotFoundError):
            self._files.delete_file(self._path(name))

    def _put(self, name: str, write: Callable[[Any], Any]) -> None:
        path = self._path(name)
        with self._reaching():
            if self.uri.startswith("file://"):  # buckets have no folders
                self._files.create_dir(os.path.dirname(path), recursive=True)  # noqa: PTH120
            with self._files.open_output_stream(path, compression=None) as stream:
                write(stream)

    def _path(self, name: str) -> str:
        return f"{self._opened[1]}/{name}".rstrip("/")

    @property
    def _files(self) -> Any:
        return self._opened[0]

    @cached_property
    def _opened(self) -> tuple[Any, str]:
        """The file system, and the path in it. Opened once: finding a bucket's region takes a while."""
        from pyarrow import fs

        try:
            files, path = fs.FileSystem.from_uri(self.uri)
        except (ValueError, OSError) as error:
            self._refuse(error)
        return files, path.rstrip("/")

    @contextlib.contextmanager
    def _reaching(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise
        except OSError as error:
            self._refuse(error)

    def _refuse(self, error: Exception) -> NoReturn:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        remedy = (
            "Check that the bucket exists, that this machine's role or keys may read, write and "
            "list it, and the network; 'python -m search doctor --store URI' tries it."
        )
        raise StorageError(f"cannot reach {self.uri}: {first}", remedy) from error


def _copy(source: Any, target: Any) -> None:
    while chunk := source.read(_CHUNK):
        target.write(chunk)
