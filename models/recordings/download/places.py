"""Where the parts of a session lie until it is complete: hidden, beside its folder."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from models.recordings.download.failures import SessionFailure
from models.recordings.layout import is_session


@dataclass(frozen=True)
class Place:
    """The folder of one session, and the hidden files of its download."""

    to: Path
    """The folder of all sessions."""
    session: str

    @property
    def folder(self) -> Path:
        """Where the session is when it is complete."""
        return self.to / self.session

    @property
    def zip(self) -> Path:
        """What has been fetched so far."""
        return self.to / f".{self.session}.zip"

    @property
    def note(self) -> Path:
        """Which version of the server's file the zip is a part of."""
        return self.to / f".{self.session}.json"

    @property
    def lock(self) -> Path:
        """Held by the process that works on the session."""
        return self.to / f".{self.session}.lock"

    @property
    def unpacking(self) -> Path:
        """What becomes the session's folder."""
        return self.to / f".{self.session}.unpacking"

    @property
    def complete(self) -> bool:
        """Whether the session is there."""
        return is_session(self.folder)

    @property
    def littered(self) -> bool:
        """Whether a download that was killed has left anything."""
        return any(path.exists() for path in (self.zip, self.note, self.lock, self.unpacking))

    def sweep(self) -> None:
        """Remove what a download of a complete session has left; the lock must be held."""
        self.zip.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)
        for half in self.to.glob(f".{self.note.name}.*"):  # where models.files was killed
            half.unlink(missing_ok=True)
        self.remove_unpacked()

    def remove_unpacked(self) -> None:
        """Remove what was unpacked by halves; the lock must be held."""
        if self.unpacking.exists():
            shutil.rmtree(self.unpacking)

    def check_free(self) -> None:
        """Raise SessionFailure if something else has the session's name; an empty folder may."""
        if not self.folder.exists() and not self.folder.is_symlink():
            return
        if not self.folder.is_dir() or any(self.folder.iterdir()):
            rule = f"{self.folder} must be new, empty or a session, so that nothing is overwritten"
            raise SessionFailure(rule, "something without data/ and meta/; move it away")
