"""JSON files with a version and a checksum of their own content."""

import json
import zlib
from pathlib import Path
from typing import Any

from models.errors import RecordingError
from models.files import write_bytes

VERSION = 1


def write_sealed(path: Path, content: Any) -> None:
    """Replace `path` by `content`, atomically."""
    body = json.dumps(content, separators=(",", ":"))
    head = json.dumps({"version": VERSION, "checksum": zlib.crc32(body.encode())})
    write_bytes(path, f'{head[:-1]}, "content":\n{body}}}\n'.encode())


def read_sealed(path: Path, remedy: str) -> Any:
    """The content of a sealed file. Raises RecordingError with `remedy` where it is not as written."""
    try:
        text = path.read_bytes()
        outer = json.loads(text)
        version, checksum, content = (outer[key] for key in ("version", "checksum", "content"))
        body = text[text.index(b"\n") + 1 : -2]
    except FileNotFoundError as error:
        raise RecordingError(f"{path} is missing", remedy) from error
    except OSError as error:
        message = f"cannot read {path}: {error.strerror or error}"
        raise RecordingError(message, "Check that you may read the file.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise RecordingError(f"{path} is damaged: {error!r}", remedy) from error
    if version != VERSION:
        message = f"{path} is of version {version}; this code reads version {VERSION}"
        raise RecordingError(message, remedy)
    if zlib.crc32(body) != checksum:
        raise RecordingError(f"{path} is damaged: its checksum does not fit its content", remedy)
    return content
