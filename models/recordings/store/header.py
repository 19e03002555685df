"""What a packed session says of itself."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from models.errors import RecordingError
from models.recordings.store.folders import HEADER, MOMENTS, RESPONSES
from models.recordings.store.sealed import read_sealed, write_sealed

State = Literal["known", "withheld", "missing"]


class PackedTrial(BaseModel):
    """One trial; a line of the journal while a session is being packed."""

    model_config = ConfigDict(frozen=True)

    number: int
    """File id."""
    tier: str
    length: int
    """T, its valid frames."""
    responses: State
    film: str
    """The perceptual hash, in hexadecimal digits."""
    checksums: dict[str, int]
    """Of its rows of each array that it is in (CRC-32)."""


class PackedArray(BaseModel):
    """An array file <name>.npy."""

    model_config = ConfigDict(frozen=True)

    dtype: str
    shape: tuple[int, ...]


class PackedFile(BaseModel):
    """A file that is read whole."""

    model_config = ConfigDict(frozen=True)

    size: int
    checksum: int


class Header(BaseModel):
    """Content of header.json."""

    model_config = ConfigDict(frozen=True)

    name: str
    digest: str
    """As `Session.digest` of the source."""
    exact: bool
    """Whether responses are float32 by choice."""
    arrays: dict[str, PackedArray]
    files: dict[str, PackedFile]
    """By path within the session's folder."""
    trials: tuple[PackedTrial, ...]
    """In ascending order of number, as they lie in the arrays."""


def packed_file(path: Path) -> PackedFile:
    """What the header says of a file."""
    content = path.read_bytes()
    return PackedFile(size=len(content), checksum=zlib.crc32(content))


def write_header(folder: Path, header: Header) -> None:
    """Write header.json, atomically."""
    write_sealed(folder / HEADER, header.model_dump(mode="json"))


def read_header(folder: Path) -> Header:
    """Read header.json. Raises RecordingError that names the file and what to do."""
    path = folder / HEADER
    try:
        header = Header.model_validate(read_sealed(path, pack_again(folder)), strict=False)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise RecordingError(f"{path}: {place}: {first['msg']}", pack_again(folder)) from error
    if header.name != folder.name:
        message = f"{folder} was packed as {header.name}, which is the name of its mouse"
        raise RecordingError(message, f"Call the folder {header.name} again.")
    return header


def pack_again(folder: Path) -> str:
    """What to do about a packed session that is damaged."""
    return f"Remove {folder} and pack the session again: python -m models pack DATA --to {folder.parent}"


@dataclass(frozen=True)
class Place:
    """Where a trial lies in the arrays."""

    length: int
    frame: int
    """First row in videos and behaviour."""
    row: int
    """First row in responses, where they are known."""
    known: int
    """How many trials with known responses come before: the row in moments."""

    def rows(self, name: str) -> slice:
        """The trial's rows of an array."""
        if name == MOMENTS:
            return slice(self.known, self.known + 1)
        first = self.row if name == RESPONSES else self.frame
        return slice(first, first + self.length)


def places_of(trials: Sequence[PackedTrial]) -> dict[int, Place]:
    """Where each trial lies, by file id; trials lie end to end in this order."""
    places, frame, row, known = {}, 0, 0, 0
    for trial in trials:
        places[trial.number] = Place(trial.length, frame, row, known)
        frame += trial.length
        if trial.responses == "known":
            row += trial.length
            known += 1
    return places
