"""One submission file, checked in one pass over its rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ensemble.checks.alone import UNCHECKED, Alone
from ensemble.checks.findings import Findings, Place
from ensemble.checks.predictions import Predictions
from ensemble.checks.structure import Structure
from ensemble.checks.trials import Trials
from ensemble.checks.verdict import Report
from ensemble.columns import COLUMNS
from ensemble.naming import LARGEST_UPLOAD, Scheme, file_names, nearest, schemes_of, tier_of
from ensemble.reader import DAMAGE, RawRow, open_parquet, raw_rows
from models.answers import Answers
from models.errors import Problem, UserError
from models.recordings.session import Session


@dataclass(frozen=True)
class Truth:
    """What a submission is held against."""

    sessions: Sequence[Session] | None
    """None where the file is all there is."""
    mice: Sequence[str] = ()
    """The scored ones."""
    scheme: Scheme | None = None
    """The only scheme of names that is accepted; None for any."""
    answers: Answers | None = None
    """Known responses, to tell whether predictions fit those of another frame better."""


def check_file(path: Path, truth: Truth) -> Report:
    """Everything that is wrong with the file at `path`. Raises UserError where there is none."""
    problems = _name_problems(path.name, truth.scheme) + size_problems(path)
    tier, schemes = tier_of(path.name), schemes_of(path.name)
    report = Report(path, path.stat().st_size, tuple(problems), schemes=schemes, tier=tier)
    try:
        file = open_parquet(path)
    except UserError as error:
        broken = Problem("file", "it is a whole Parquet file", error.message)
        return replace(report, problems=(*problems, broken))
    with file:
        if truth.sessions is None:
            return _check_alone(file, report)
        return _check_content(file, truth, truth.sessions, report)


def size_problems(path: Path) -> list[Problem]:
    """Whether an upload is too large."""
    size = path.stat().st_size
    rule = f"an upload has at most {LARGEST_UPLOAD:,} bytes"
    return [Problem("file", rule, f"{size:,}")] if size > LARGEST_UPLOAD else []


def _name_problems(name: str, scheme: Scheme | None) -> list[Problem]:
    names = file_names(scheme)
    if name in names:
        return []
    meant = nearest(name, names)
    hint = f" (perhaps {meant} is meant)" if meant else ""
    return [Problem("file name", f"it is one of {', '.join(names)}", name + hint)]


def _check_content(file: Any, truth: Truth, sessions: Sequence[Session], report: Report) -> Report:
    structure = Structure(file)
    found, doubts = Findings(), Findings()
    trials = Trials(sessions, truth.mice, found)
    predictions = Predictions(found, doubts, truth.answers)

    def add(place: Place, row: RawRow) -> None:
        predictions.add(place, row, *trials.add(place, row))

    rows, damage = _read(file, structure.readable, add)
    tier = report.tier or trials.probable_tier()
    # Rows that cannot be read or told apart are not missing.
    comparable = tier is not None and not damage and {*COLUMNS[:2]} <= {*structure.readable}
    missing = trials.compare(tier) if comparable and tier is not None else []
    late_problems, late_warnings = predictions.finish()
    return replace(
        report,
        problems=(
            *(*report.problems, *structure.problems, *damage),
            *(*missing, *found.problems(), *late_problems),
        ),
        warnings=(*structure.warnings, *doubts.problems(), *late_warnings),
        tier=tier,
        rows=rows,
        mice=trials.mice,
        frames=predictions.frames,
        trial_form=trials.form,
        values=predictions.values,
    )


def _check_alone(file: Any, report: Report) -> Report:
    structure = Structure(file)
    found, doubts = Findings(), Findings()
    predictions = Predictions(found, doubts)
    alone = Alone(predictions, found, doubts)

    def add(place: Place, row: RawRow) -> None:
        predictions.add(place, row, None, None)
        alone.add(place, row)

    rows, damage = _read(file, structure.readable, add)
    whole = not damage and {*COLUMNS[:2]} <= {*structure.readable}
    problems, warnings = alone.finish(report.tier if whole else None)
    mixed, _ = predictions.finish()
    return replace(
        report,
        problems=(
            *(*report.problems, *structure.problems, *damage),
            *(*problems, *found.problems(), *mixed),
        ),
        warnings=(*structure.warnings, *doubts.problems(), *warnings),
        rows=rows,
        mice=alone.mice,
        frames=predictions.frames,
        trial_form=alone.form,
        values=predictions.values,
        unchecked=UNCHECKED,
    )


def _read(
    file: Any, columns: Sequence[str], add: Callable[[Place, RawRow], None]
) -> tuple[int, list[Problem]]:
    """Show every row to `add`; return how many there were and what made reading stop."""
    number = 0
    try:
        for number, row in enumerate(raw_rows(file, columns), start=1):
            add(Place(number - 1, row.mouse, row.trial), row)
    except DAMAGE as error:
        reason = str(error).splitlines()[0]
        return number, [Problem(f"after row {number - 1}", "every page can be read", reason)]
    if not number:
        return 0, [Problem("file", "it holds a row for each trial", "no row")]
    return number, []
