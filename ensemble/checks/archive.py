"""A zip of submission files, checked member by member."""

import shutil
import tempfile
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path

from ensemble.checks.file import Truth, check_file, size_problems
from ensemble.checks.verdict import Report
from ensemble.naming import LARGEST_UPLOAD, SCHEMES, archives, schemes_of
from models.errors import Problem
from models.files import storage_error

_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)
"""What zipfile raises for damage, compressions it does not know, and passwords."""


def check_archive(path: Path, truth: Truth) -> Report:
    """Everything that is wrong with the zip at `path` and the files in it.

    Members are extracted, one at a time, to a temporary folder, whose place TMPDIR decides. Raises
    StorageError where there is no room for one.
    """
    report = Report(path, path.stat().st_size, tuple(size_problems(path)))
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            names = [member.filename for member in members]
            reports = tuple(_check_member(archive, member, truth) for member in members)
    except zipfile.BadZipFile as error:
        broken = Problem("zip", "it is a whole zip", str(error))
        return replace(report, problems=(*report.problems, broken))
    told = [*report.problems, *_name_problems(names, truth)]
    return _joined(replace(report, problems=tuple(told)), reports)


def _joined(report: Report, members: tuple[Report, ...]) -> Report:
    """A zip's report, with what its members' say."""
    mice = dict.fromkeys(mouse for member in members for mouse in member.mice)
    return replace(
        report,
        problems=report.problems + tuple(_within(m, p) for m in members for p in m.problems),
        warnings=tuple(_within(m, p) for m in members for p in m.warnings),
        schemes=tuple(s for s in SCHEMES if members and all(s in m.schemes for m in members)),
        rows=sum(member.rows for member in members),
        mice=tuple(mice),
        values=sum(member.values for member in members),
        members=members,
        unchecked=tuple(dict.fromkeys(each for member in members for each in member.unchecked)),
    )


def _name_problems(names: list[str], truth: Truth) -> list[Problem]:
    """Whether files lie at the root, once, and belong together."""
    problems = [
        Problem(name, "files lie at the root of the zip", f"it in {Path(name).parent}/")
        for name in names
        if "/" in name
    ]
    repeated = sorted({name for name in names if names.count(name) > 1})
    problems += [
        Problem(name, "a file is in the zip once", "it twice or more") for name in repeated
    ]
    held = {Path(name).name for name in names}
    schemes = SCHEMES if truth.scheme is None else (truth.scheme,)
    sets = [{target.file for target in files} for s in schemes for files in archives(s).values()]
    wrongly_named = any(not schemes_of(name) for name in held)  # told by the member's own check
    if held not in sets and not wrongly_named:
        told = "; or ".join(dict.fromkeys(" and ".join(sorted(files)) for files in sets))
        found = " and ".join(sorted(held)) or "no file"
        problems.append(Problem("zip", f"it holds {told}", found))
    return problems


def _check_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, truth: Truth) -> Report:
    inside = Path(member.filename)
    if member.file_size > LARGEST_UPLOAD:
        rule = f"a file has at most {LARGEST_UPLOAD:,} bytes"
        problem = Problem("file", rule, f"{member.file_size:,}")
        return Report(inside, member.file_size, (problem,), schemes=schemes_of(inside.name))
    with tempfile.TemporaryDirectory() as folder:
        extracted = Path(folder) / inside.name
        try:
            with archive.open(member) as source, extracted.open("wb") as copy:
                shutil.copyfileobj(source, copy, 1 << 20)
        except _BROKEN as error:
            problem = Problem("file", "it can be extracted", str(error))
            return Report(inside, member.file_size, (problem,), schemes=schemes_of(inside.name))
        except OSError as error:
            raise storage_error(extracted, error) from error
        return replace(check_file(extracted, truth), path=inside)


def _within(member: Report, problem: Problem) -> Problem:
    return replace(problem, where=f"{member.path}, {problem.where}")
