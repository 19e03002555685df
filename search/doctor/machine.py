"""What one machine says of itself; asked in this process, or in a task of Ray on another machine."""

import hashlib
import platform
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import psutil

from models.files import free_bytes
from models.recordings.where import Where
from models.versions import code_version, package_versions
from search.doctor import gpus, recordings
from search.doctor.gpus import Gpus
from search.doctor.recordings import Recordings
from search.resources import cpu_count

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("models", "search", "ensemble")
SHARED_MEMORY = Path("/dev/shm")
GROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Software:
    """What must be the same everywhere, and the commit, which is told beside it."""

    versions: dict[str, str]
    """Of Python, the packages and, as `code`, of the files of this project."""
    commit: str


@dataclass(frozen=True)
class Machine:
    """One machine. Sizes are free bytes; NaN where the machine does not tell."""

    software: Software
    cores: int
    memory: float
    shared_memory: float
    home: float
    temporary: float
    temporary_folder: str
    gpus: Gpus
    recordings: Recordings


def describe(home: Path, data: Where) -> Machine:
    """This machine, with its view of the searches' home and of the recordings."""
    temporary = Path(tempfile.gettempdir())
    return Machine(
        software=software(),
        cores=cpu_count(),
        memory=free_memory(),
        shared_memory=_free(SHARED_MEMORY),
        home=free_bytes(home),
        temporary=free_bytes(temporary),
        temporary_folder=str(temporary),
        gpus=gpus.look(),
        recordings=recordings.look(data),
    )


def software() -> Software:
    """Versions as this process has them."""
    python = {"python": platform.python_version()}
    return Software({**python, **package_versions(), "code": code_digest(ROOT)}, code_version())


def code_digest(root: Path) -> str:
    """Eight hexadecimal digits that change with any file of the rooms under `root`.

    A commit alone would not do: files may differ from it, or come without git.
    """
    digest = hashlib.sha256()
    kinds = ("*.py", "*.yaml")
    files = [path for room in ROOMS for kind in kinds for path in (root / room).rglob(kind)]
    for path in sorted(files):
        digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:8]


def free_memory() -> float:
    """Bytes that a new process may take: of the machine, or less where a container has a limit."""
    return min(float(psutil.virtual_memory().available), _left_of_group())


def _left_of_group() -> float:
    """What the limit of a container leaves; infinity where there is none."""
    try:
        limit, used = ((GROUP / f"memory.{name}").read_text() for name in ("max", "current"))
        return float(limit) - float(used)
    except (OSError, ValueError):  # no such file, or the word `max`
        return float("inf")


def _free(folder: Path) -> float:
    return float(shutil.disk_usage(folder).free) if folder.is_dir() else float("nan")
