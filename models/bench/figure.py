"""One measured promise: a value, that of the plain way in the same run, and how much better it is."""

import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from rich.table import Table

from models.console import out, table, uncut
from models.files import write_json
from models.versions import code_version


@dataclass(frozen=True)
class Figure:
    """A row of a benchmark's table; its fields are those of the JSON file."""

    name: str
    value: float
    unit: str
    baseline: float
    """The plain way's value."""
    ratio: float
    """How many times better than the baseline."""
    commit: str = field(default_factory=code_version)
    machine: str = field(default_factory=lambda: machine())


def more_is_better(name: str, value: float, unit: str, baseline: float) -> Figure:
    """A speed."""
    return Figure(name, value, unit, baseline, value / baseline)


def less_is_better(name: str, value: float, unit: str, baseline: float) -> Figure:
    """A time, or memory."""
    return Figure(name, value, unit, baseline, baseline / value)


def machine() -> str:
    """Processor, cores and GPU in words."""
    gpus = [torch.cuda.get_device_name(place) for place in range(torch.cuda.device_count())]
    cores = f"{os.cpu_count()} cores"
    return ", ".join([_processor(), cores, *(gpus or ["no GPU"])])


def figure_table(title: str, figures: Sequence[Figure], promises: Mapping[str, str]) -> Table:
    """The figures with what was promised of them, and what their baseline is."""
    made = table(title, "figure", "value", "unit", "plain way", "times better", "promised")
    for figure in figures:
        cells = (_number(figure.value), figure.unit, _number(figure.baseline))
        ratio = f"{figure.ratio:,.2f}" if figure.ratio < 10 else f"{figure.ratio:,.1f}"
        made.add_row(figure.name, *cells, ratio, promises.get(figure.name, ""))
    return uncut(made)


def write_figures(path: Path, figures: Sequence[Figure]) -> None:
    """A JSON list of one object a figure, written atomically."""
    write_json(path, [asdict(figure) for figure in figures])


def show(
    table: Table, figures: Sequence[Figure], lines: Iterable[str] = (), json: Path | None = None
) -> None:
    """Print a part's table with lines below it, and write its figures to `json` where that is asked."""
    out.print(table)
    for line in lines:
        out.print(line)
    out.print(f"{figures[0].machine}; commit {figures[0].commit}")
    if json is not None:
        write_figures(json, figures)


def _number(value: float) -> str:
    """Three digits, or all before the point."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _processor() -> str:
    """The processor's name, where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
