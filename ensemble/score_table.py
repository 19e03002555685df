"""Scores of submission files: as a table, as JSON, and neuron by neuron."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from ensemble.naming import SUFFIX
from ensemble.score import FileScore
from ensemble.scores import Metric, Number
from models.console import table, uncut
from models.files import write_bytes, write_json

_PER_NEURON = ("file", "tier", "mouse", "neuron_id", "single_trial", "to_average")


def score_table(scores: Sequence[FileScore]) -> Table:
    """A line a file, a kind of out-of-distribution stimulus, a mouse and a quantile of neurons."""
    title = "Correlation as the server computes it"
    columns = [(name, "ceiling", "of it") for name in ("single trial", "to average")]
    made = table(title, "file", "trials", *columns[0], *columns[1])
    for each in scores:
        for name, trials, single, average in _lines(each):
            made.add_row(name, trials, *_cells(single), *_cells(average))
        made.add_section()
    return uncut(made)


def write_scores(path: Path, scores: Sequence[FileScore]) -> None:
    """Write all numbers of the table as JSON; null for what is not known."""
    write_json(path, {"files": [_plain(each) for each in scores]})


def write_per_neuron(path: Path, scores: Sequence[FileScore]) -> None:
    """Write a line of CSV a neuron; an empty cell where the metric is not known."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_PER_NEURON)
    for each in scores:
        for mouse, single in each.single.per_neuron.items():
            average = each.average.per_neuron.get(mouse) if each.average else None
            for place, neuron in enumerate(each.neuron_ids[mouse]):
                to_average = "" if average is None else repr(float(average[place]))
                numbers = (repr(float(single[place])), to_average)
                writer.writerow((each.path.name, each.tier, mouse, int(neuron), *numbers))
    write_bytes(path, text.getvalue().encode())


def _lines(each: FileScore) -> Iterator[tuple[str, str, Number, Number | None]]:
    """Name, trials and both metrics of each line of a file."""
    single, average = each.single, each.average
    name = each.path.name.removesuffix(SUFFIX)
    yield name, str(each.trials), single.whole, average.whole if average else None
    for kind, number in single.kinds.items():
        yield f"  {kind}", "", number, average.kinds.get(kind) if average else None
    for mouse, number in single.mice.items():
        yield f"  {mouse}", "", number, average.mice.get(mouse) if average else None
    alike = average.over_neurons if average else None
    yield "  over all neurons alike", "", single.over_neurons, alike
    for share, number in single.quantiles.items():
        name = f"  {share} % of neurons at or below"
        yield name, "", number, average.quantiles[share] if average else None


def _cells(number: Number | None) -> tuple[str, str, str]:
    if number is None:
        return "-", "-", "-"
    if number.ceiling is None:
        return f"{number.score:.4f}", "-", "-"
    share = f"{number.score / number.ceiling:.0%}" if number.ceiling > 0 else "-"
    return f"{number.score:.4f}", f"{number.ceiling:.4f}", share


def _plain(each: FileScore) -> dict[str, Any]:
    return {
        "file": each.path.name,
        "tier": each.tier,
        "trials": each.trials,
        "single_trial": _plain_metric(each.single),
        "to_average": None if each.average is None else _plain_metric(each.average),
    }


def _plain_metric(metric: Metric) -> dict[str, Any]:
    return {
        **_plain_number(metric.whole),
        "over_neurons": _plain_number(metric.over_neurons),
        "mice": _plain_numbers(metric.mice),
        "kinds": _plain_numbers(metric.kinds),
        "quantiles": _plain_numbers({str(q): number for q, number in metric.quantiles.items()}),
    }


def _plain_numbers(numbers: Mapping[str, Number]) -> dict[str, dict[str, float | None]]:
    return {name: _plain_number(number) for name, number in numbers.items()}


def _plain_number(number: Number) -> dict[str, float | None]:
    return {"score": number.score, "ceiling": number.ceiling}
