"""Does the search find better models than the plain ways do in the same minutes?

The recipe, in quality.yaml, is fixed: generated recordings, one space, the minutes of processor time.
Three strategies, with several seeds each, a process of one thread a strategy and seed:

    default    our sampler for the space, weak trials stopped early
    random     random draws, weak trials stopped early by the same rule
    fixed      one configuration, again and again with other seeds

The best complete trials of each are then trained again, and averaged. What is finished in the
benchmark's folder is not run again; what was begun there is.

    <folder>/recipe.json                        what all of it was made by
    <folder>/data, data.packed, data.truth      the recordings
    <folder>/<strategy>-<seed>/outcome.json     and all that the strategy has made
"""

import contextlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from models.bench.processes import Words, run_modules
from models.errors import UserError
from models.files import write_json
from models.recordings.store.folders import packed_folder
from models.recordings.store.pack import pack, plan_packing
from models.recordings.synthetic import write_data_set
from search.bench.outcomes import STRATEGIES, Outcome, read_outcome
from search.bench.recipe import Quality

Tell = Callable[[str], None]
Runner = Callable[[Sequence[Words], int, Callable[[int, str], None]], None]
"""As `run_modules`."""
MODULE = "search.bench.strategies"


def bench_quality(
    recipe: Quality, jobs: int, folder: Path | None, tell: Tell, runner: Runner = run_modules
) -> dict[str, list[Outcome]]:
    """Run what is missing, `jobs` processes at a time; the outcomes of each strategy, a seed each.

    Without a folder everything is made in a temporary one. Raises UserError for strategies that failed.
    """
    with _place(folder) as place:
        _check_same(place, recipe)
        data = _recordings(place, recipe, tell)
        _run(place, data, recipe, jobs, tell, runner)
        return {
            strategy: [
                found for seed in range(recipe.seeds) if (found := _read(place, strategy, seed))
            ]
            for strategy in STRATEGIES
        }


def _read(place: Path, strategy: str, seed: int) -> Outcome | None:
    return read_outcome(place / f"{strategy}-{seed}")


@contextlib.contextmanager
def _place(folder: Path | None) -> Iterator[Path]:
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        yield folder.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="quality-") as name:
        yield Path(name)


def _check_same(place: Path, recipe: Quality) -> None:
    """Write down what the folder is made by; another recipe in it is a UserError."""
    path, asked = place / "recipe.json", recipe.same_work()
    if not path.exists():
        write_json(path, asked)
    found = json.loads(path.read_text())
    other = [name for name in asked if found.get(name) != asked[name]]
    if other:
        message = f"{place} was made with other {' and '.join(other)}"
        raise UserError(message, "Choose another --folder, or give what it was made with.")


def _recordings(place: Path, recipe: Quality, tell: Tell) -> Path:
    """Where the recordings lie, packed beside."""
    data, asked = place / "data", recipe.recordings
    if not data.exists():
        tell(f"generating {asked.mice} mice x {asked.neurons} neurons")
        write_data_set(data, asked)
    if not packed_folder(data).exists():
        pack(plan_packing(data, packed_folder(data)), exact=False, jobs=1)
    return data


def _run(place: Path, data: Path, recipe: Quality, jobs: int, tell: Tell, runner: Runner) -> None:
    # Seed by seed, so that what is there after a while can be compared.
    all_of = [(strategy, seed) for seed in range(recipe.seeds) for strategy in STRATEGIES]
    missing = [each for each in all_of if _read(place, *each) is None]
    tell(f"{len(all_of) - len(missing)} of {len(all_of)} are there already")
    failed: list[str] = []

    def ended(number: int, failure: str) -> None:
        name = "{}-{}".format(*missing[number])
        failed.extend([f"{name}: {failure}"] if failure else [])
        tell(f"{name} {'failed' if failure else 'is finished'}")

    for strategy, seed in missing:  # half a search has used minutes that nobody counts
        shutil.rmtree(place / f"{strategy}-{seed}", ignore_errors=True)
    words = [
        (
            MODULE,
            strategy,
            str(seed),
            str(place / f"{strategy}-{seed}"),
            str(data),
            recipe.model_dump_json(),
        )
        for strategy, seed in missing
    ]
    runner(words, jobs, ended)
    if failed:
        message = f"{len(failed)} of the benchmark's strategies failed: {'; '.join(failed)}"
        raise UserError(message, "Mend that and run it again: finished ones are kept.")
