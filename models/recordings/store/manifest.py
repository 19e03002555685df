"""What a packed store that lies elsewhere consists of, and whose recordings it holds.

<uri>/manifest.json    written last and removed first: where it is, the store is whole
"""

import hashlib
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from models.errors import RecordingError
from models.remote import Remote

FILE = "manifest.json"
FILES_AT_ONCE = 8

Told = Callable[[str, int], None]
"""Called with a file's name and how many more of its bytes are done; by several threads."""


def _inner(name: str) -> str:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise ValueError(f"a file lies in the store; found {name!r}")
    return name


class StoredFile(BaseModel):
    """One file of a store."""

    model_config = ConfigDict(frozen=True)

    size: int = Field(ge=0)
    sha256: str


class Manifest(BaseModel):
    """Content of manifest.json."""

    model_config = ConfigDict(frozen=True)

    fingerprint: str = Field(pattern="^[0-9a-f]+$")
    """Of the recordings."""
    mice: int
    files: dict[Annotated[str, AfterValidator(_inner)], StoredFile]
    """By path within the store."""

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files.values())

    @property
    def name(self) -> str:
        """Of a folder with this content: the fingerprint, and digits that change with any byte."""
        listed = "".join(f"{name}:{each.sha256}|" for name, each in sorted(self.files.items()))
        return f"{self.fingerprint}-{hashlib.sha256(listed.encode()).hexdigest()[:8]}"


def read_manifest(remote: Remote) -> Manifest:
    """The manifest of a store. Raises RecordingError where there is none, or StorageError."""
    content = remote.read(FILE)
    upload = f"Upload a packed store there: python -m models upload DATA.packed {remote}"
    if content is None:
        message = f"{remote} is no packed store, or not a whole one: it has no {FILE}"
        raise RecordingError(message, upload)
    try:
        return Manifest.model_validate_json(content)
    except ValidationError as error:
        message = f"{remote}/{FILE} is damaged: {error.errors()[0]['msg']}"
        raise RecordingError(message, f"{upload} --replace") from error
