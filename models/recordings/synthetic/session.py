"""One session's folder, in the layout that the organisers publish, and its truth beside it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.files import write_json
from models.recordings import truth
from models.recordings.layout import KINDS, TEST_TIERS
from models.recordings.synthetic.brain import Brain, grow
from models.recordings.synthetic.films import NATURAL_FRAMES, film
from models.recordings.synthetic.plan import Plan, Showing
from models.recordings.synthetic.recipe import Recipe
from models.recordings.synthetic.seeds import generator
from models.recordings.synthetic.statistics import GreyLevels, over_trials

Array = npt.NDArray[np.float32]

RESPONSE_TYPES = (np.float32, np.float64)
BEHAVIOUR_TYPES = ((np.float64, np.float32), (np.float32, np.float64), (np.float64, np.float64))
"""What the arrays are stored as, going round the mice: mixed, as in the published data."""


def write_session(
    folder: Path, withheld: Path, recipe: Recipe, plan: Plan, done: Callable[[], None]
) -> None:
    """Write a session to `folder` and its truth to `withheld`; calls `done` after each trial."""
    brain = grow(recipe.seed, plan.mouse, recipe.neurons)
    for kind in KINDS:
        (folder / "data" / kind).mkdir(parents=True)
    _write_meta(folder, recipe, plan, brain)
    greys = GreyLevels()
    for trial, showing in plan.showings.items():
        shown = film(recipe.seed, showing.film)
        if showing.tier == "train":
            greys.add(shown)
        trial_seed = generator(recipe.seed, "trial", plan.mouse, showing.key)
        behaviour = brain.animal.trial(trial_seed, len(shown), plan.when[trial])  # (4, T)
        _write_inputs(folder / "data", plan, trial, shown, behaviour)
        rates = brain.rates(shown, behaviour)
        recorded = brain.calcium.recorded(rates, trial_seed)
        _write_responses(folder / f"data/responses/{trial}.npy", plan, trial, recorded)
        _write_truth(withheld, showing.tier, trial, recorded, brain.calcium.expected(rates))
        done()
    _write_statistics(folder, plan, greys)
    truth.save_trials(
        withheld, {trial: _entry(showing) for trial, showing in plan.showings.items()}
    )


def _write_inputs(
    data: Path, plan: Plan, trial: int, shown: npt.NDArray[np.uint8], behaviour: Array
) -> None:
    np.save(data / f"videos/{trial}.npy", _video(shown, plan.frames))
    types = BEHAVIOUR_TYPES[plan.mouse % len(BEHAVIOUR_TYPES)]
    _save_padded(data / f"behavior/{trial}.npy", behaviour[:2], plan.frames, types[0])
    _save_padded(data / f"pupil_center/{trial}.npy", behaviour[2:], plan.frames, types[1])


def _write_responses(path: Path, plan: Plan, trial: int, recorded: Array) -> None:
    if plan.withholds(trial):
        np.save(path, np.zeros((len(recorded), plan.frames), dtype=np.float32))
    elif trial not in plan.lost:
        kind = RESPONSE_TYPES[plan.mouse % len(RESPONSE_TYPES)]
        _save_padded(path, recorded, plan.frames, kind)


def _write_truth(withheld: Path, tier: str, trial: int, recorded: Array, expected: Array) -> None:
    if tier in TEST_TIERS:
        truth.save_array(withheld, truth.RESPONSES, trial, recorded)
    if tier != "train":
        truth.save_array(withheld, truth.NOISE_FREE, trial, expected)


def _video(shown: npt.NDArray[np.uint8], frames: int) -> npt.NDArray[np.generic]:
    """(H, W, `frames`); whole bytes where no frame is missing, else half floats, exact to 2048."""
    turned = np.ascontiguousarray(shown.transpose(1, 2, 0))
    if len(shown) == frames:
        return turned
    padded = np.full((*turned.shape[:2], frames), np.nan, dtype=np.float16)
    padded[..., : len(shown)] = turned
    return padded


def _save_padded(path: Path, array: Array, frames: int, kind: type[np.floating]) -> None:
    padding = ((0, 0), (0, frames - array.shape[-1]))
    np.save(path, np.pad(array, padding, constant_values=np.nan).astype(kind))


def _write_meta(folder: Path, recipe: Recipe, plan: Plan, brain: Brain) -> None:
    write_json(folder / "config.json", {"links": {}})
    random = generator(recipe.seed, "meta", plan.mouse)
    neurons, trials = folder / "meta/neurons", folder / "meta/trials"
    neurons.mkdir(parents=True)
    trials.mkdir(parents=True)
    np.save(neurons / "unit_ids.npy", np.cumsum(random.integers(1, 4, recipe.neurons)))
    np.save(neurons / "cell_motor_coordinates.npy", brain.neurons.coordinates)
    np.save(trials / "tiers.npy", plan.tiers())
    if not plan.old:
        presented = random.permutation(len(plan.showings)) + 20
        np.save(trials / "trial_idx.npy", presented.astype(np.str_))


def _write_statistics(folder: Path, plan: Plan, greys: GreyLevels) -> None:
    train = [trial for trial, showing in plan.showings.items() if showing.tier == "train"]
    for kind in KINDS:
        known = [trial for trial in train if kind != "responses" or trial not in plan.lost]
        files = [folder / f"data/{kind}/{trial}.npy" for trial in known]
        values = greys.statistics() if kind == "videos" else over_trials(files, NATURAL_FRAMES)
        place = folder / f"meta/statistics/{kind}/all"
        place.mkdir(parents=True)
        for name, value in values.items():
            np.save(place / f"{name}.npy", value)


def _entry(showing: Showing) -> dict[str, str | None]:
    return {"film": showing.film, "kind": showing.kind, "tier": showing.tier}
