"""A zip, unpacked into a session's folder that appears only when it is complete."""

import contextlib
import errno
import lzma
import os
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from zipfile import BadZipFile, ZipFile, ZipInfo

from models.files import storage_error
from models.recordings.download.failures import Damaged, Stopped
from models.recordings.download.members import session_members
from models.recordings.download.places import Place
from models.recordings.download.room import check_unpacking

CHUNK = 1 << 20
DAMAGE = (
    BadZipFile,
    EOFError,
    ValueError,
    RuntimeError,
    zlib.error,
    lzma.LZMAError,
)
"""What zipfile raises for a zip that is not what was packed."""
NO_ANSWER_OF_A_DISK = (None, errno.EINVAL)
"""Numbers of the OSErrors that damage causes: from bzip2, and from seeking where nothing can be."""


def unpack(place: Place, stop: threading.Event, at: Callable[[int, int], None]) -> None:
    """Unpack the zip of a session, checking every member's checksum; the zip stays.

    `at` gets the bytes that are unpacked and those that will be. Raises Damaged; SessionFailure for a
    zip that holds no session or would write elsewhere, before anything is written; StorageError; and
    Stopped. Whatever it raises, nothing of what it unpacked is left.
    """
    try:
        place.remove_unpacked()
        with _reading(place.zip), ZipFile(place.zip) as packed:
            _Unpacking(packed, place, stop, at).run()
        place.unpacking.replace(place.folder)
    except OSError as error:
        raise storage_error(place.folder, error) from error
    finally:
        with contextlib.suppress(OSError):
            place.remove_unpacked()


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except DAMAGE as error:
        raise Damaged(str(error) or type(error).__name__) from error
    except OSError as error:
        if error.errno not in NO_ANSWER_OF_A_DISK:
            raise
        raise Damaged(f"{path.name} cannot be read to its end: {error}") from error


class _Unpacking:
    def __init__(
        self,
        packed: ZipFile,
        place: Place,
        stop: threading.Event,
        at: Callable[[int, int], None],
    ) -> None:
        self.packed, self.folder, self.stop, self.at = packed, place.unpacking, stop, at
        self.members = session_members(packed.infolist(), place.session)
        self.done, self.total = 0, sum(member.file_size for member in self.members.values())
        check_unpacking(place.to, self.total)

    def run(self) -> None:
        self.folder.mkdir()
        for path, member in self.members.items():
            target = self.folder / path
            if member.is_dir():
                target.mkdir(parents=True, exist_ok=True)
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                self._write(member, target)

    def _write(self, member: ZipInfo, target: Path) -> None:
        with self.packed.open(member) as source, target.open("xb") as file:
            while chunk := source.read(CHUNK):
                if self.stop.is_set():
                    raise Stopped
                file.write(chunk)
                self.done += len(chunk)
                self.at(self.done, self.total)
            file.flush()
            os.fsync(file.fileno())  # the zip is deleted next; nothing else would have the bytes
