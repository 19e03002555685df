"""The best trials of a search, the configuration of the very best, and how to train it again."""

import os
import shlex
from pathlib import Path

import yaml

from models.errors import UserError
from models.pages import Block, Cell, Code, Link, Note, Table
from search.report.history import History, Trial
from search.report.overview import hours_text
from search.space import build

MOST = 20
"""Trials in the table."""
NONE = "No trial has trained its full budget yet; half-trained ones are not ranked."


def best_table(history: History, page: Path) -> Block:
    """The best trials with links to their run folders, for a page that lies at `page`."""
    ranked = history.ranked()[:MOST]
    if not ranked:
        return Note(NONE)
    columns = ("trial", "family", "score", "epochs", "hours", "parameters", "run")
    rows = [_row(history, trial, page) for trial in ranked]
    return Table(columns, rows, left=2, words=2, wide=[5])


def _row(history: History, trial: Trial, page: Path) -> list[Cell]:
    return [
        str(trial.number),
        trial.family,
        f"{trial.score:.4f}",
        f"{trial.epoch}/{trial.epochs}",
        "-" if trial.hours is None else hours_text(trial.hours),
        ", ".join(history.values(trial)),
        run_link(history, trial, page),
    ]


def run_link(history: History, trial: Trial, page: Path) -> Cell:
    """The run folder: relative where the page lies in the search's folder, else as file://."""
    folder = trial.run.path.resolve()
    if not folder.is_dir():
        return "removed"
    text = f"{folder.parent.name}/{folder.name}"
    inside = page.resolve().parent == history.folder.resolve()
    return Link(text, os.path.relpath(folder, history.folder) if inside else folder.as_uri())


def again(history: History) -> list[Block]:
    """The best trial's configuration, and the command that trains it."""
    ranked = history.ranked()
    if not ranked:
        return [Note(NONE)]
    best, data = ranked[0], shlex.quote(str(history.plan.data))
    file = f"{history.plan.name}-{best.number}.yaml"
    command = f"python -m models train {data} --run runs/{Path(file).stem} --config {file}"
    note = f"Trial {best.number}, {best.family}, {best.score:.4f}. Save this as {file}:"
    return [Note(note), Code(configuration(best)), Note("and train it:"), Code(command)]


def configuration(trial: Trial) -> str:
    """All settings of a trial's run as YAML, from its run folder, or else from the study."""
    try:
        config = trial.run.record().config
    except UserError:
        config = build(trial.flat)
    text: str = yaml.safe_dump(
        config.model_dump(mode="json"), sort_keys=False, default_flow_style=None
    )
    return text
