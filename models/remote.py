"""A folder that is known by its URI, as s3://bucket/searches: in a bucket, or anywhere pyarrow reaches.

Searches work in folders of their own machine and copy what is to outlast it; nothing is changed in
place over there. An object of a bucket is either whole or not there.
"""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import unquote

from models.errors import StorageError, UserError
from models.files import replacing

SCHEMES = ("s3://", "gs://", "gcs://", "file://")
ENDPOINT = "AWS_ENDPOINT_URL"
_CHUNK = 8 * 1024 * 1024
Told = Callable[[int], None]
"""Called with every so many bytes that are copied; what it raises ends the copying."""


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
        with self._reaching(), tempfile.NamedTemporaryFile() as file:
            file.write(content)
            file.flush()
            self._put(name, Path(file.name))

    def upload(self, folder: Path, names: Sequence[str]) -> None:
        """Copy files of a folder, in this order; those that are not there are left out."""
        for name in names:
            if (folder / name).is_file():
                self._put(name, folder / name)

    def download(
        self, folder: Path, names: Sequence[str] | None = None, told: Told = lambda _: None
    ) -> list[str]:
        """Copy files, or all, into a folder, each whole or not at all; the names of those copied."""
        copied = []
        for name in sorted(self.sizes()) if names is None else names:
            with self._reaching(), contextlib.suppress(FileNotFoundError):
                with (
                    self._files.open_input_stream(self._path(name), compression=None) as stream,
                    replacing(folder / name) as temporary,
                    temporary.open("wb") as file,
                ):
                    _copy(stream, file, told)
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
            if not found:
                self._check_bucket()
        files = (each for each in found if each.type == fs.FileType.File)
        return {each.path.removeprefix(top).lstrip("/"): each.size for each in files}

    def _check_bucket(self) -> None:
        """Raise OSError where there is no such bucket: its files are listed as none."""
        from pyarrow import fs

        if self.uri.startswith("file://"):
            return
        bucket = self._path("").partition("/")[0]
        if self._files.get_file_info(bucket).type == fs.FileType.NotFound:
            raise OSError(f"there is no bucket '{bucket}', or none that may be listed")

    def folders(self) -> list[str]:
        """The names of the folders right below."""
        from pyarrow import fs

        with self._reaching():
            found = self._files.get_file_info(fs.FileSelector(self._path(""), allow_not_found=True))
        return sorted(each.base_name for each in found if each.type == fs.FileType.Directory)

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

    def _put(self, name: str, source: Path) -> None:
        from pyarrow import fs

        path = self._path(name)
        if self.uri.startswith("file://"):
            with replacing(Path(path)) as temporary:
                shutil.copyfile(source, temporary)
            return
        # One call: a stream of Python's that an exception leaves becomes half an object.
        with self._reaching():
            here = fs.LocalFileSystem()
            fs.copy_files(str(source), path, here, self._files, chunk_size=_CHUNK)

    def _path(self, name: str) -> str:
        return f"{self._opened[1]}/{name}".rstrip("/")

    @property
    def _files(self) -> Any:
        return self._opened[0]

    @cached_property
    def _opened(self) -> tuple[Any, str]:
        """The file system, and the path in it."""
        head, mark, options = self.uri.partition("?")
        scheme, _, place = head.partition("://")
        bucket, slash, path = place.partition("/")
        try:
            files, top = _open(
                f"{scheme}://{bucket}{slash}{mark}{options}", os.environ.get(ENDPOINT)
            )
        except (ValueError, OSError) as error:
            self._refuse(error)
        return files, f"{top.rstrip('/')}/{unquote(path)}".rstrip("/")

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


@lru_cache(maxsize=8)
def _open(bucket: str, endpoint: str | None) -> tuple[Any, str]:  # noqa: ARG001
    """A bucket, and the path to it. Opened once: finding its region and shaking hands take a while."""
    from pyarrow import fs

    files, path = fs.FileSystem.from_uri(bucket)
    return files, str(path)


def _copy(source: Any, target: Any, told: Told) -> None:
    while chunk := source.read(_CHUNK):
        target.write(chunk)
        told(len(chunk))
