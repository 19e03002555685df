"""The findings as people read them, and as programs do."""

from collections.abc import Sequence
from pathlib import Path

from rich.table import Table
from rich.text import Text

from models.files import write_json
from models.recordings.where import Where
from search.doctor.lines import Finding, State, plural

STYLES: dict[State, str] = {"ok": "green", "warning": "yellow", "problem": "bold red"}


def findings_table(findings: Sequence[Finding]) -> Table:
    """A line a finding, its remedy below it."""
    made = Table.grid(padding=(0, 2))
    made.add_column(no_wrap=True)
    made.add_column(no_wrap=True)
    made.add_column(overflow="fold")
    for finding in findings:
        state = Text(finding.state, STYLES[finding.state])
        made.add_row(state, Text(finding.name, "bold"), Text(finding.found))
        if finding.remedy and finding.state != "ok":
            made.add_row("", "", Text(f"-> {finding.remedy}", "italic"))
    return made


def summary(findings: Sequence[Finding], data: Where, **options: object) -> str:
    """How it stands, and the next step, with the options of the same names that were given."""
    problems, warnings = (count(findings, state) for state in ("problem", "warning"))
    told = f"{plural(problems, 'problem')}, {plural(warnings, 'warning')}"
    if problems:
        return f"{told}: mend the problems, then run this again"
    given = "".join(f" --{name} {value}" for name, value in options.items() if value)
    return f"{told}\nnext: python -m search run {data} --name NAME{given}"


def count(findings: Sequence[Finding], state: State) -> int:
    """Findings of a state."""
    return sum(finding.state == state for finding in findings)


def write_findings(path: Path, findings: Sequence[Finding]) -> None:
    """A JSON list with an object a finding: name, state, found, remedy. Raises StorageError."""
    write_json(path, [vars(finding) for finding in findings])
