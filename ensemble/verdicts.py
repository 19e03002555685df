"""What the checker found, in words."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from ensemble.checks.verdict import Report
from ensemble.naming import LARGEST_UPLOAD, SUFFIX
from models.errors import UserError


def files_to_check(paths: Sequence[Path]) -> list[Path]:
    """Files as they are given, and the submission files and zips in folders that are given.

    Raises UserError for a path that is not there and a folder without any such file.
    """
    return [file for path in paths for file in _files(path)]


def lines(report: Report) -> Iterator[str]:
    """The verdict on one file: what it holds, what is wrong with it, what to look at."""
    if report.ok:
        verdict = (
            "nothing in the file alone is wrong" if report.unchecked else "the server would take it"
        )
        yield f"{report.path}: {verdict} ({_content(report)})"
    else:
        count = len(report.problems)
        found = f"{count} problem{'' if count == 1 else 's'}"
        yield f"{report.path}: the server would refuse it or score it wrongly: {found}"
    yield from (f"  {problem}" for problem in report.problems)
    yield from (f"  to look at: {warning}" for warning in report.warnings)
    if report.unchecked:
        yield f"  not checked without --data: {'; '.join(report.unchecked)}"
    if report.bytes > LARGEST_UPLOAD:
        yield "  next: build it with --mantissa-bits 10, which makes it less than half as large"


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise UserError(f"there is no {path}", "Give submission files, zips, or a folder of them.")
    files = sorted([*path.glob(f"*{SUFFIX}"), *path.glob("*.zip")])
    if not files:
        message = f"{path} holds no submission file (*{SUFFIX}) and no zip"
        raise UserError(message, "Write some with 'python -m ensemble build'.")
    return files


def _content(report: Report) -> str:
    mice = "1 mouse" if len(report.mice) == 1 else f"{len(report.mice)} mice"
    parts = [f"{report.rows} rows", mice]
    parts += [f"{len(report.members)} files"] if report.members else []
    parts += [f"as with {report.frames} frames"] if report.frames else []
    parts += [f"trials as {report.trial_form}"] if report.trial_form else []
    return ", ".join([*parts, _size(report.bytes)])


def _size(count: int) -> str:
    size, unit = float(count), "bytes"
    for larger in ("kB", "MB", "GB"):
        if size >= 1000:
            size, unit = size / 1000, larger
    return f"{size:.3g} {unit}"
