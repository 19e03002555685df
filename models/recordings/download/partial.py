"""The part of a zip that is here, and which version of the server's file it is a part of."""

import json
from dataclasses import asdict
from pathlib import Path

from models.files import write_json
from models.recordings.download.places import Place
from models.recordings.download.versions import Version


class Partial:
    """A zip that grows, and the note beside it that outlives a killed process."""

    def __init__(self, place: Place) -> None:
        self.path: Path = place.zip
        self._note: Path = place.note

    @property
    def size(self) -> int:
        """Bytes that are here."""
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

    @property
    def version(self) -> Version | None:
        """What it is a part of; None where nobody knows, and so it is of no use."""
        try:
            return Version.parsed(json.loads(self._note.read_bytes()))
        except (FileNotFoundError, ValueError):
            return None

    def begin(self, version: Version) -> None:
        """Start anew with this version."""
        self.discard()  # first: a note must never speak of another version's bytes
        write_json(self._note, asdict(version))

    def keep_only(self, version: Version) -> None:
        """Discard what is not a part of this version."""
        mine = self.version
        too_long = version.length is not None and self.size > version.length
        if mine is None or too_long or not mine.same_as(version):
            self.discard()

    def discard(self) -> None:
        """Remove what is here."""
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)
