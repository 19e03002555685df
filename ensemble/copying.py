"""A submission copied to a store: files, zips and report, and last the manifest that tells of them."""

from pathlib import Path

from ensemble.manifest import NAME, Manifest
from ensemble.preflight import alone_in
from ensemble.report.page import FILE
from models.errors import Problem, ProblemsFound, StorageError
from models.remote import Remote


def copy_submission(folder: Path, target: Remote) -> list[str]:
    """Copy what a build has left in a folder, in the place of what is there; the files' names.

    While there is no manifest in the target, files may be missing there. Raises ProblemsFound for files
    that are not those of the manifest, StorageError for a copy that fails, with what to type then.
    """
    with alone_in(folder):
        names = _names(folder)
        try:
            target.remove(NAME)  # it would tell of other files
            target.upload(folder, names)
        except StorageError as error:
            message = f"the files are whole in {folder}, but they are not copied: {error.message}"
            remedy = f"{error.remedy} Then type: python -m ensemble copy {folder} {target}"
            raise StorageError(message, remedy) from error
    return names


def _names(folder: Path) -> list[str]:
    manifest = Manifest.read(folder / NAME)
    sizes = {path.name: path.stat().st_size for path in folder.iterdir() if path.is_file()}
    problems = [
        Problem(
            file.name, f"has {file.bytes:,} bytes, as the manifest says", _told(sizes, file.name)
        )
        for file in manifest.files
        if sizes.get(file.name) != file.bytes
    ]
    if problems:
        remedy = f"Build them again: python -m ensemble build --manifest {folder / NAME}."
        raise ProblemsFound(str(folder), problems, remedy)
    page = [FILE] if FILE in sizes else []
    return [*(file.name for file in manifest.files), *page, NAME]


def _told(sizes: dict[str, int], name: str) -> str:
    return f"{sizes[name]:,}" if name in sizes else "no such file"
