"""How many trials reached each epoch, and where the others were stopped: for each bracket by itself.

Within a bracket trials are compared with each other alone, so that a share of all of them would say
nothing about a rung.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from plotly.graph_objects import Bar, Figure

from models.pages import Block, Chart, Note, Table, figure
from search.halving import places
from search.plan import Plan
from search.report.history import History, Trial
from search.report.look import COLOURS, WENT_ON, WORDS
from search.scoreboard import RowState

ENDS: tuple[RowState, ...] = ("complete", "running", "interrupted", "pruned", "failed")


@dataclass(frozen=True)
class Rung:
    """What became of the trials that trained an epoch."""

    epoch: int
    reached: int
    ended: Counter[RowState]
    """Those that ended here, or so far are here, by state."""

    @property
    def went_on(self) -> int:
        """Those that trained another epoch."""
        return self.reached - self.ended.total()


def rungs_of(trials: Sequence[Trial]) -> list[Rung]:
    """A rung an epoch; epoch 0 only where a trial did not get any further."""
    ends = Counter((trial.epoch, trial.state) for trial in trials)
    last = max((trial.epoch for trial in trials), default=0)
    first = min((trial.epoch for trial in trials), default=1)
    return [
        Rung(
            epoch,
            sum(trial.epoch >= epoch for trial in trials),
            Counter({state: ends[epoch, state] for state in ENDS}),
        )
        for epoch in range(min(first, 1), last + 1)
    ]


def rungs(history: History) -> list[Block]:
    """For each bracket the figure, and a table of the epochs at which trials were stopped."""
    found = by_bracket(history)
    everything = [rung for bracket in found for rung in bracket]
    if not any(rung.epoch for rung in everything):
        return [Note("No trial has finished an epoch yet.")]
    blocks: list[Block] = [Note(_words(history.plan, everything))]
    for number, bracket in enumerate(found, 1):
        title = f"Bracket {number} of {len(found)}" if len(found) > 1 else ""
        blocks += _blocks(bracket, title) if bracket else []
    return blocks


def _words(plan: Plan, everything: Sequence[Rung]) -> str:
    if not any(rung.ended["pruned"] for rung in everything):
        return "No trial was stopped early."
    words = "How far trials came, 0 being their begin, and the rungs at which some were stopped."
    later = f" The first rung of each bracket is {plan.reduction} times later than the last one's."
    return words + (later if plan.brackets > 1 else "")


def _blocks(bracket: Sequence[Rung], title: str) -> list[Block]:
    chart = Chart(rungs_figure(bracket), title)
    stopped = [rung for rung in bracket if rung.ended["pruned"]]
    return [chart, _table(stopped)] if stopped else [chart]


def by_bracket(history: History) -> list[list[Rung]]:
    """The rungs of each bracket; none of one that has no trial yet."""
    plan = history.plan
    dealt = places(plan.brackets, plan.reduction)
    return [
        rungs_of([each for each in history.trials if dealt[each.number % len(dealt)] == bracket])
        for bracket in range(plan.brackets)
    ]


def _table(stopped: Sequence[Rung]) -> Table:
    rows = [
        [
            str(rung.epoch),
            str(rung.reached),
            str(rung.ended["pruned"]),
            f"{rung.ended['pruned'] / rung.reached:.0%}",
            str(rung.ended["failed"]),
            str(rung.went_on),
        ]
        for rung in stopped
    ]
    columns = ("rung (epoch)", "reached", "stopped there", "of those", "failed there", "went on")
    return Table(columns, rows, left=0)


def rungs_figure(found: Sequence[Rung]) -> Figure:
    """A bar an epoch, as high as the trials that reached it."""
    epochs = [rung.epoch for rung in found]
    made = figure(340, barmode="stack", bargap=0.25, yaxis_title="trials that reached it")
    made.update_xaxes(title="epoch", dtick=1 if len(epochs) <= 25 else None)
    made.update_yaxes(dtick=1 if max(rung.reached for rung in found) <= 10 else None)
    made.add_trace(_bar(epochs, [rung.went_on for rung in found], "went on", WENT_ON))
    for state in ENDS:
        counts = [rung.ended[state] for rung in found]
        if any(counts):
            made.add_trace(_bar(epochs, counts, f"{WORDS[state]} here", COLOURS[state]))
    return made


def _bar(epochs: Sequence[int], counts: Sequence[int], name: str, colour: str) -> Bar:
    return Bar(
        x=epochs,
        y=counts,
        name=name,
        marker={"color": colour},
        hovertemplate=f"epoch %{{x}}: %{{y}} {name}<extra></extra>",
    )
