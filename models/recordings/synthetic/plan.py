"""Which mouse sees which film in which tier, and when."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from models.recordings.layout import BONUS_TIERS, TEST_TIERS
from models.recordings.synthetic.films import NATURAL, NATURAL_FRAMES
from models.recordings.synthetic.recipe import Recipe
from models.recordings.synthetic.seeds import generator
from models.recordings.synthetic.stimuli import KINDS, LENGTHS

REAL_FRAMES = (315, 324, 325, 326, 403, 414)
"""The lengths of the longest trials of the competition's mice; 315 is the shortest."""
SHARED = 0.7
"""The part of a mouse's train films that the other mice may see too."""
GAPS = 0.02
"""The part of an old mouse's file ids that is missing, with the tier `none`."""
LOST = 40
"""Of so many presentations of an old mouse one has lost its responses."""


@dataclass(frozen=True)
class Showing:
    """One presentation of one film."""

    tier: str
    film: str
    repeat: int

    @property
    def kind(self) -> str | None:
        """The kind of out-of-distribution stimulus, None for a natural film."""
        kind = self.film.split("/")[0]
        return None if kind == NATURAL else kind

    @property
    def key(self) -> str:
        """What addresses the randomness of this presentation within its mouse."""
        return f"{self.tier} {self.film} {self.repeat}"


@dataclass(frozen=True)
class Plan:
    """One mouse's session."""

    mouse: int
    name: str
    old: bool
    frames: int
    """T, the padded length of all its trials."""
    showings: dict[int, Showing]
    """By file id, ascending."""
    when: dict[int, float] = field(repr=False)
    """The time within the session, 0 to 1, by file id."""
    lost: frozenset[int] = frozenset()
    """File ids whose responses are missing."""

    def tiers(self) -> npt.NDArray[np.str_]:
        """The tier of every file id; `none` where there is no file."""
        ids = range(max(self.showings) + 1)
        return np.array([self.showings[i].tier if i in self.showings else "none" for i in ids])

    def withholds(self, trial: int) -> bool:
        """Whether the data set shows zeros instead of the trial's responses."""
        return not self.old and self.showings[trial].tier in TEST_TIERS


def plan_session(recipe: Recipe, mouse: int) -> Plan:
    """The session of the `mouse`-th mouse, counted from 0."""
    old = mouse < recipe.old_mice
    showings = list(_showings(recipe, mouse))
    when = [generator(recipe.seed, "when", mouse, showing.key).random() for showing in showings]
    order = np.argsort(when)
    ids = _file_ids(generator(recipe.seed, "gaps", mouse), len(order), old)
    return Plan(
        mouse=mouse,
        name=_name(recipe.seed, mouse, old),
        old=old,
        frames=_padded_length(mouse),
        showings={trial: showings[index] for trial, index in zip(ids, order, strict=True)},
        when={trial: when[index] for trial, index in zip(ids, order, strict=True)},
        lost=frozenset(ids[5::LOST]) if old else frozenset(),
    )


def kinds_of(mouse: int, tier: str) -> tuple[str, ...]:
    """The kinds of a bonus tier: one in live_test_bonus, two others in final_test_bonus."""
    places = {"live_test_bonus": (0,), "final_test_bonus": (1, 2)}[tier]
    return tuple(KINDS[(3 * mouse + place) % len(KINDS)] for place in places)


def _showings(recipe: Recipe, mouse: int) -> Iterator[Showing]:
    for slot in range(recipe.train_trials):
        yield Showing("train", _train_film(recipe, mouse, slot), 0)
    for tier in ("oracle", *TEST_TIERS):
        for kind in kinds_of(mouse, tier) if tier in BONUS_TIERS else (NATURAL,):
            for video in range(recipe.videos):
                shown = _oracle_film(mouse, video) if tier == "oracle" else f"{kind}/{tier}/{video}"
                yield from (Showing(tier, shown, repeat) for repeat in range(recipe.repeats))


def _train_film(recipe: Recipe, mouse: int, slot: int) -> str:
    """A film from the common pool or one that this mouse alone sees.

    The first films of the pool are oracle films of every other mouse, and train films of the rest.
    """
    if slot < recipe.videos:
        shared = not _from_pool(mouse, slot)
    else:
        shared = generator(recipe.seed, "train", mouse, slot).random() < SHARED
    return f"{NATURAL}/pool/{slot}" if shared else f"{NATURAL}/mouse-{mouse}/{slot}"


def _oracle_film(mouse: int, video: int) -> str:
    return f"{NATURAL}/{'pool' if _from_pool(mouse, video) else 'oracle'}/{video}"


def _from_pool(mouse: int, video: int) -> bool:
    """Whether an oracle film of this mouse is a train film of its neighbours."""
    return (mouse + video) % 2 == 1


def _padded_length(mouse: int) -> int:
    kinds = [kind for tier in BONUS_TIERS for kind in kinds_of(mouse, tier)]
    longest = max(NATURAL_FRAMES, *(LENGTHS[kind][1] for kind in kinds))
    possible = [frames for frames in REAL_FRAMES if frames >= longest]
    return possible[(mouse // 2) % len(possible)]


def _file_ids(random: np.random.Generator, trials: int, old: bool) -> list[int]:
    gaps = max(1, round(GAPS * trials)) if old else 0
    missing = random.choice(np.arange(1, trials + gaps - 1), min(gaps, trials - 1), replace=False)
    return [i for i in range(trials + gaps) if i not in set(missing.tolist())][:trials]


def _name(seed: int, mouse: int, old: bool) -> str:
    """A name as the competition's, with an animal of its own and a hash that none of its has."""
    random = generator(seed, "name", mouse)
    animal = 40_000 + 20 * mouse + random.integers(20)
    made = hashlib.sha256(f"synthetic {seed} {'old' if old else 'new'}".encode()).hexdigest()[:32]
    return f"dynamic{animal}-{random.integers(1, 20)}-{random.integers(1, 13)}-Video-{made}"
