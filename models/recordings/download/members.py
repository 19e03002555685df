"""What of a zip belongs to its session, and what must not be unpacked."""

import re
import stat
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from zipfile import ZipInfo

from models.recordings.download.failures import SessionFailure

INSIDE = "every member of the zip must lie inside the session's folder, as a plain file"
BOTH_PARTS = "the zip must hold one folder with data/ and meta/"
ONCE = "every member of the zip must have a place of its own"
NAMED = 5
"""Members that are named where nothing fits."""
_DRIVE = re.compile(r"[A-Za-z]:")


def session_members(members: Sequence[ZipInfo], session: str) -> Mapping[PurePosixPath, ZipInfo]:
    """The members of a session by their path in its folder, folders included.

    The session is the topmost folder that holds data/ and meta/, whatever it is called; of several
    the one with the session's name. What lies outside of it and what operating systems strew about
    is left out, since the organisers' loader stops at stray files. Raises SessionFailure where there
    is no such folder, or where any member, left out or not, could be unpacked elsewhere.
    """
    unsafe = [member.orig_filename for member in members if not _is_safe(member)]
    if unsafe:
        raise SessionFailure(INSIDE, ", ".join(map(repr, unsafe[:NAMED])))
    paths = [(PurePosixPath(member.filename), member) for member in members]
    wanted = [(path, member) for path, member in paths if not _is_junk(path)]
    top = _top(wanted, session)
    inside = [(path.relative_to(top), member) for path, member in wanted if top in path.parents]
    _check_apart(inside)
    return dict(inside)


def _is_safe(member: ZipInfo) -> bool:
    name = member.orig_filename
    kind = stat.S_IFMT(member.external_attr >> 16)
    plain = kind in (0, stat.S_IFREG, stat.S_IFDIR)  # 0 where it was packed on Windows
    strange = name.startswith("/") or "\\" in name or "\0" in name or _DRIVE.match(name)
    return plain and not strange and ".." not in PurePosixPath(name).parts


def _is_junk(path: PurePosixPath) -> bool:
    strewn = path.name in (".DS_Store", "Thumbs.db", "desktop.ini") or path.name.startswith("._")
    return strewn or "__MACOSX" in path.parts


def _top(wanted: Sequence[tuple[PurePosixPath, ZipInfo]], session: str) -> PurePosixPath:
    folders = {path for path, member in wanted if member.is_dir()}
    folders.update(parent for path, _ in wanted for parent in path.parents)
    tops = [folder for folder in folders if {folder / "data", folder / "meta"} <= folders]
    least = min((len(top.parts) for top in tops), default=0)
    tops = [top for top in tops if len(top.parts) == least]
    named = [top for top in tops if top.name == session]
    if len(named or tops) != 1:
        found = sorted(map(str, tops or {path for path, _ in wanted}))
        more = ", ..." if len(found) > NAMED else ""
        raise SessionFailure(BOTH_PARTS, f"{', '.join(found[:NAMED])}{more}" or "nothing")
    return (named or tops)[0]


def _check_apart(inside: Iterable[tuple[PurePosixPath, ZipInfo]]) -> None:
    """No two files in one place, and no file where others need a folder."""
    files = Counter(path for path, member in inside if not member.is_dir())
    folders = {parent for path, _ in inside for parent in path.parents}
    folders.update(path for path, member in inside if member.is_dir())
    twice = [path for path, count in files.items() if count > 1 or path in folders]
    if twice:
        raise SessionFailure(ONCE, f"'{twice[0]}' more than once")
