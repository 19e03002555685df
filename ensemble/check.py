"""What the server would say about a submission, before the upload."""

from collections.abc import Sequence
from pathlib import Path

from ensemble.checks.archive import check_archive
from ensemble.checks.file import Truth, check_file
from ensemble.checks.verdict import Report
from ensemble.naming import Scheme, nearest
from models.answers import Answers
from models.errors import Problem, ProblemsFound, UserError
from models.recordings.data_set import open_sessions, scored_sessions
from models.recordings.session import Session

__all__ = ["Report", "check_submission", "scored_names"]


def check_submission(
    path: Path,
    data: Path | Sequence[Session] | None = None,
    mice: Sequence[str] | None = None,
    *,
    scheme: Scheme | None = None,
    answers: Answers | None = None,
) -> Report:
    """Check a submission file, or a zip of them, against the recordings in `data`.

    The file is read once, one row at a time; the report names everything that is wrong with it.
    `mice` are the scored ones, by session name; without it they are the competition's new mice where
    there are any, else all. With `scheme` only that scheme's names are right, else either's. Where
    `answers` know responses, predictions that fit those of a neighbouring frame better are a warning.

    Without `data` the file is held against itself and against what is published of the scored mice;
    the report then says what was not checked.

    Raises UserError where `path` is no file, the data hold no such mouse, or a recording cannot be
    read; never for what is wrong with the submission.
    """
    if not path.is_file():
        message = f"there is no file {path}"
        raise UserError(message, "Give the path of one submission file or of a zip of them.")
    truth = Truth(None, scheme=scheme)
    if data is not None:
        sessions = open_sessions(data) if isinstance(data, Path) else list(data)
        truth = Truth(sessions, scored_names(sessions, mice), scheme, answers)
    return check_archive(path, truth) if _is_zip(path) else check_file(path, truth)


def _is_zip(path: Path) -> bool:
    with path.open("rb") as file:
        return path.suffix == ".zip" or file.read(4) == b"PK\x03\x04"


def scored_names(sessions: Sequence[Session], mice: Sequence[str] | None) -> list[str]:
    """The scored mice: those named, else the competition's new ones where there are any, else all.

    Raises ProblemsFound that lists every name that is no session's.
    """
    known = [session.name for session in sessions]
    if mice is None:
        return [session.name for session in scored_sessions(sessions)]
    unknown = [mouse for mouse in mice if mouse not in known]
    if unknown:
        rule = "a scored mouse is called as its session folder"
        problems = [
            Problem(m, rule, f"no such folder, nearest {nearest(m, known)}") for m in unknown
        ]
        raise ProblemsFound("the scored mice", problems, f"The folders are {', '.join(known)}.")
    return list(mice)
