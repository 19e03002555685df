"""The zips that are uploaded: prediction files at the root, stored as they are."""

import shutil
import zipfile
from pathlib import Path

from ensemble.naming import LARGEST_UPLOAD, Scheme, Target, archives, file_names
from models.errors import Problem, ProblemsFound, UserError
from models.files import replacing

COPIED_AT_ONCE = 1 << 20


def write_zips(folder: Path, scheme: Scheme = "user") -> list[Path]:
    """Put the submission files of `folder` into the zips of `scheme`, beside them.

    A zip of which no file is there is left out; all are checked before the first is written. Raises
    UserError where there is no file at all, one of a zip's two is missing, or a zip would be larger
    than the server takes. Nothing is compressed again, and no time is written: the same files give the
    same zip. Each zip replaces its predecessor atomically.
    """
    wanted = {
        name: files
        for name, files in archives(scheme).items()
        if any((folder / target.file).is_file() for target in files)
    }
    if not wanted:
        message = f"{folder} holds no submission file of scheme '{scheme}'"
        raise UserError(message, f"Their names are {', '.join(file_names(scheme))}.")
    problems = [p for name, files in wanted.items() for p in _problems(folder, name, files)]
    if problems:
        remedy = "Build what is missing; --mantissa-bits 10 makes files less than half as large."
        raise ProblemsFound(str(folder), problems, remedy)
    return [_write(folder, name, files) for name, files in wanted.items()]


def _problems(folder: Path, name: str, files: tuple[Target, ...]) -> list[Problem]:
    paths = [folder / target.file for target in files]
    missing = [path.name for path in paths if not path.is_file()]
    if missing:
        rule = f"holds {' and '.join(target.file for target in files)}"
        return [Problem(name, rule, f"no {' and no '.join(missing)}")]
    size = sum(path.stat().st_size for path in paths)
    if size > LARGEST_UPLOAD:
        return [Problem(name, f"an upload has at most {LARGEST_UPLOAD:,} bytes", f"{size:,}")]
    return []


def _write(folder: Path, name: str, files: tuple[Target, ...]) -> Path:
    path = folder / name
    with (
        replacing(path) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive,
    ):
        for target in files:
            with (
                (folder / target.file).open("rb") as source,
                archive.open(zipfile.ZipInfo(target.file), "w", force_zip64=True) as member,
            ):
                shutil.copyfileobj(source, member, COPIED_AT_ONCE)
    return path
