"""How the trials of a data set fall into folds, and what a split of single trials would leak."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table

from models.console import table, uncut
from models.recordings.films import TrialName, film_groups
from models.recordings.folds import as_text, fold_of_group
from models.recordings.layout import TRAIN_TIERS
from models.recordings.session import Session

SHOWN = 5
"""Trials of a film that a line names."""


@dataclass(frozen=True)
class FoldReport:
    """Trials that a run may learn from: those of train and oracle with known responses."""

    folds: int
    groups: dict[TrialName, str]
    """The group of each trial, whose film it shares."""
    versions: dict[str, int]
    """Different hashes in each group."""

    @property
    def repeated(self) -> dict[str, list[TrialName]]:
        """The trials of each film that is shown in more than one, the most shown first."""
        trials: defaultdict[str, list[TrialName]] = defaultdict(list)
        for trial, group in self.groups.items():
            trials[group].append(trial)
        ordered = sorted(trials.items(), key=lambda item: (-len(item[1]), item[0]))
        return {group: shown for group, shown in ordered if len(shown) > 1}

    @property
    def leaked(self) -> float:
        """Expected number of trials whose film another fold shows, were trials dealt at random.

        All n trials of a film lie in one fold, and none of them leaks, with probability
        (1 / folds) ** (n - 1).
        """
        sizes = Counter(self.groups.values()).values()
        return sum((size * (1 - self.folds ** (1 - size)) for size in sizes), start=0.0)

    def fold(self, trial: TrialName) -> int:
        """The fold that holds a trial out."""
        return fold_of_group(self.groups[trial], self.folds)


def fold_report(sessions: Sequence[Session], folds: int) -> FoldReport:
    """Group the films of all sessions; unpacked ones are read whole."""
    every = film_groups(sessions)
    learnt = {
        (session.name, number): as_text(session.film(number))
        for session in sessions
        for number in session.trials(TRAIN_TIERS)
        if session.has_responses(number)
    }
    hashes: defaultdict[str, set[str]] = defaultdict(set)
    for trial, film in learnt.items():
        hashes[every[trial]].add(film)
    groups = {trial: every[trial] for trial in learnt}
    return FoldReport(folds, groups, {group: len(found) for group, found in hashes.items()})


def fold_table(report: FoldReport) -> Table:
    """Trials by mouse and fold, and the different films of each fold."""
    counts = Counter((mouse, report.fold((mouse, number))) for mouse, number in report.groups)
    films = Counter(fold_of_group(group, report.folds) for group in set(report.groups.values()))
    made = table("Trials by fold", "mouse", *map(str, range(report.folds)), "all")
    for mouse in dict.fromkeys(mouse for mouse, _ in report.groups):
        made.add_row(mouse, *_cells([counts[mouse, fold] for fold in range(report.folds)]))
    sums = Counter(report.fold(trial) for trial in report.groups)
    made.add_section()
    made.add_row("all mice", *_cells([sums[fold] for fold in range(report.folds)]))
    made.add_row("different films", *_cells([films[fold] for fold in range(report.folds)]))
    return uncut(made)


def film_table(report: FoldReport, most: int) -> Table:
    """The films that are shown in more than one trial, up to `most` of them."""
    title = "Films shown in more than one trial"
    made = table(title, "first shown in", "fold", "trials", "mice", "versions")
    for group, trials in list(report.repeated.items())[:most]:
        mice = len({mouse for mouse, _ in trials})
        numbers = [report.fold(trials[0]), len(trials), mice, report.versions[group]]
        made.add_row(_named(trials), *map(str, numbers))
    left = len(report.repeated) - most
    if left > 0:
        made.caption = f"and {left} more; --most shows them"
        made.caption_justify = "left"
    return uncut(made)


def sentences(report: FoldReport) -> list[str]:
    """What the folds prevent, in words."""
    repeated = report.repeated.values()
    shared = sum(len({mouse for mouse, _ in trials}) > 1 for trials in repeated)
    unequal = sum(count > 1 for count in report.versions.values())
    trials, share = len(report.groups), report.leaked / max(len(report.groups), 1)
    return [
        f"{trials} trials show {len(report.versions)} different films; {len(report.repeated)} films "
        f"are shown in more than one trial, {shared} of them to more than one mouse, {unequal} in "
        f"versions that are alike but not equal.",
        f"In {report.folds} folds of single trials at random, {report.leaked:.1f} of {trials} trials "
        f"({share:.0%}) on average would have been held out while their film was trained on. "
        f"Here none is.",
    ]


def _cells(counts: Sequence[int]) -> list[str]:
    return [*map(str, counts), str(sum(counts))]


def _named(trials: Sequence[TrialName]) -> str:
    """The first mouse, by what comes before '-Video-', and the first of its trials."""
    mouse = trials[0][0]
    numbers = [str(number) for name, number in trials if name == mouse]
    more = ", ..." if len(numbers) > SHOWN else ""
    return f"{mouse.split('-Video-')[0]}: {', '.join(numbers[:SHOWN])}{more}"
