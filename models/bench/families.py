"""Every family of networks against the linear-nonlinear floor, on recordings with a known ceiling.

The recipe, in families.yaml, is fixed: generated recordings and one small configuration a family. Each
family is trained with several seeds; the recordings are the same. Runs are processes of one thread,
and one that is finished in the benchmark's folder is not trained again.

    <folder>/data, data.packed, data.truth     the recordings
    <folder>/runs/<family>-<seed>              a run folder each, with shares.json
"""

import contextlib
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from models.bench.family import Shares, read_shares
from models.bench.figure import Figure, less_is_better, more_is_better
from models.bench.processes import run_modules
from models.config import RunConfig, load_config
from models.console import table, uncut
from models.errors import UserError
from models.networks.registry import FLOOR
from models.recordings.store.folders import packed_folder
from models.recordings.store.pack import pack, plan_packing
from models.recordings.synthetic import Recipe, write_data_set
from models.recordings.truth import truth_folder
from models.runs import RunFolder
from models.settings import read_yaml

RECIPE = Path(__file__).with_name("families.yaml")
TRACKS = ("main", "ood")
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """What the recipe says."""

    recordings: Recipe
    families: dict[str, dict[str, Any]]
    """A run's configuration for each family, without its seed."""

    @classmethod
    def read(cls, path: Path = RECIPE) -> "Plan":
        """From a YAML file."""
        content = read_yaml(path.read_text())
        return cls(Recipe(**content["recordings"]), content["families"])

    def config(self, family: str, seed: int) -> RunConfig:
        """The configuration of a run."""
        network = {"family": family, **self.families[family].get("network", {})}
        content = self.families[family] | {"network": network, "seed": seed}
        return load_config(content, f"{family} in the benchmark's recipe")

    def chosen(self, families: Sequence[str]) -> list[str]:
        """These families, or all, the floor first; an unknown one is a UserError."""
        unknown = [family for family in families if family not in self.families]
        if unknown:
            known = ", ".join(self.families)
            raise UserError(f"the recipe has no family '{unknown[0]}'", f"Choose from {known}.")
        others = [family for family in families or self.families if family != FLOOR]
        return [FLOOR, *dict.fromkeys(others)]


@dataclass(frozen=True)
class FamilyResult:
    """The runs of one family."""

    family: str
    runs: tuple[Shares, ...]
    """One a seed."""

    def shares(self, track: str) -> list[float]:
        """Of each seed."""
        return [float(getattr(run, track)) for run in self.runs]

    def mean(self, track: str) -> float:
        """Over the seeds."""
        return float(np.mean(self.shares(track)))

    def spread(self, track: str) -> float:
        """Standard deviation over the seeds; NaN of one."""
        shares = self.shares(track)
        return float(np.std(shares, ddof=1)) if len(shares) > 1 else float("nan")

    def above(self, floor: "FamilyResult") -> bool:
        """Whether its worst seed is better than the floor's best, on both tracks."""
        return all(min(self.shares(track)) > max(floor.shares(track)) for track in TRACKS)


def bench_families(
    plan: Plan, families: Sequence[str], seeds: int, jobs: int, folder: Path | None, tell: Tell
) -> list[FamilyResult]:
    """Train what is missing, `jobs` runs at a time; the families' results, the floor's first.

    Without a folder everything is made in a temporary one. Raises UserError for runs that failed.
    """
    chosen = plan.chosen(families)
    with _place(folder) as place:
        data = _recordings(place, plan.recordings, tell)
        runs = {
            place / f"runs/{family}-{seed}": plan.config(family, seed)
            for family in chosen
            for seed in range(seeds)
        }
        _train(runs, data, jobs, tell)
        return [_result(place, family, seeds) for family in chosen]


def figures(results: Sequence[FamilyResult]) -> list[Figure]:
    """Mean and spread of each family's shares, with the floor's as the baseline."""
    floor, made = results[0], []
    for track in TRACKS:
        name = f"ceiling_share_{track}"
        for each in results:
            mean, spread = each.mean(track), each.spread(track)
            made.append(
                more_is_better(f"{name}.{each.family}", mean, "of the ceiling", floor.mean(track))
            )
            if spread > 0 and floor.spread(track) > 0:
                own = f"{name}_spread.{each.family}"
                made.append(less_is_better(own, spread, "of the ceiling", floor.spread(track)))
    return made


def family_table(results: Sequence[FamilyResult]) -> Table:
    """A row a family."""
    columns = ("main", "ood", "parameters", "CPU s a run", "above the floor")
    made = table("Share of the ceiling, mean +- spread over the seeds", "family", *columns)
    for each in results:
        shares = (_plus_minus(each.mean(track), each.spread(track)) for track in TRACKS)
        cpu = float(np.mean([run.cpu_s for run in each.runs]))
        verdict = "-" if each is results[0] else _verdict(each, results[0])
        made.add_row(each.family, *shares, f"{each.runs[0].parameters:,}", f"{cpu:.0f}", verdict)
    return uncut(made)


def _plus_minus(mean: float, spread: float) -> str:
    return f"{mean:.3f} +- {spread:.3f}" if spread == spread else f"{mean:.3f}"


def _verdict(result: FamilyResult, floor: FamilyResult) -> str:
    if len(result.runs) == 1:
        return "one seed does not tell"
    return "yes" if result.above(floor) else "no"


@contextlib.contextmanager
def _place(folder: Path | None) -> Iterator[Path]:
    if folder is not None:
        yield folder.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="families-") as name:
        yield Path(name)


def _recordings(place: Path, recipe: Recipe, tell: Tell) -> Path:
    """Where the recordings lie; other ones in the benchmark's folder are a UserError."""
    data = place / "data"
    if not data.exists():
        tell(f"generating {recipe.mice} mice x {recipe.neurons} neurons")
        write_data_set(data, recipe)
    found = json.loads((truth_folder(data) / "recipe.json").read_text())
    if found != asdict(recipe):
        raise UserError(f"{data} was made by another recipe", "Choose another --folder.")
    if not packed_folder(data).exists():
        pack(plan_packing(data, packed_folder(data)), exact=False, jobs=1)
    return data


def _train(runs: Mapping[Path, RunConfig], data: Path, jobs: int, tell: Tell) -> None:
    missing = [run for run, config in runs.items() if not _finished(run, config)]
    failed: list[str] = []

    def ended(number: int, failure: str) -> None:
        name = missing[number].name
        failed.extend([f"{name}: {failure}"] if failure else [])
        tell(f"{name} {'failed' if failure else 'is trained'}")

    tell(f"{len(runs) - len(missing)} of {len(runs)} runs are there already")
    words = [
        ("models.bench.family", str(run), str(data), runs[run].model_dump_json()) for run in missing
    ]
    run_modules(words, jobs, ended)
    if failed:
        message = f"{len(failed)} of the benchmark's runs failed: {'; '.join(failed)}"
        raise UserError(message, "Mend that and run it again: finished runs are kept.")


def _finished(run: Path, config: RunConfig) -> bool:
    return read_shares(run) is not None and RunFolder(run).record().config == config


def _result(place: Path, family: str, seeds: int) -> FamilyResult:
    runs = (read_shares(place / f"runs/{family}-{seed}") for seed in range(seeds))
    return FamilyResult(family, tuple(run for run in runs if run is not None))
