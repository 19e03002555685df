"""Films with the statistics of natural ones: 1/f in space and time, edges, motion, cuts.

A shot is a camera that pans over a scene of dead leaves (overlapping discs whose radii follow the
power law that makes the picture scale-invariant; Lee, Mumford and Huang, 2001) with a few textured
things that move on their own. A film is one to three shots with cuts between them.
"""

import functools
import itertools

import numpy as np
import numpy.typing as npt

from models.recordings.layout import HEIGHT, WIDTH
from models.recordings.synthetic import stimuli
from models.recordings.synthetic.seeds import generator, wander
from models.recordings.synthetic.windows import bounce, windows

Array = npt.NDArray[np.float32]

NATURAL = "natural"
NATURAL_FRAMES = 300
CANVAS = (96, 160)
LEAVES = 220
GREY, CONTRAST = 76.0, 58.0  # before clipping to 0..255; after it about 79 and 57


@functools.lru_cache(maxsize=160)
def film(seed: int, name: str) -> npt.NDArray[np.uint8]:
    """(T, HEIGHT, WIDTH) grey values of the film called `<kind>/...`, read-only.

    `kind` is `natural` or one of `stimuli.KINDS`; everything else in the name only tells films apart.
    """
    kind, random = name.split("/")[0], generator(seed, "film", name)
    grey = natural(random) if kind == NATURAL else stimuli.MAKERS[kind](random, picture)
    shown = np.clip(np.rint(grey), 0, 255).astype(np.uint8)
    shown.flags.writeable = False
    return shown


def natural(random: np.random.Generator, frames: int = NATURAL_FRAMES) -> Array:
    """(T, HEIGHT, WIDTH) grey values, not yet rounded or clipped."""
    cuts = np.sort(random.choice(np.arange(40, frames - 40), random.integers(0, 3), replace=False))
    ends = [0, *cuts.tolist(), frames]
    shots = [_shot(random, end - start) for start, end in itertools.pairwise(ends)]
    return np.concatenate(shots)


def picture(random: np.random.Generator) -> Array:
    """(HEIGHT, WIDTH) grey values of one natural image."""
    developed: Array = _developed(random, _canvas(random)[None, :HEIGHT, :WIDTH])[0]
    return developed


def _shot(random: np.random.Generator, frames: int) -> Array:
    canvas = np.broadcast_to(_canvas(random), (frames, *CANVAS))
    speed = random.uniform(0.05, 0.8)  # pixels a frame
    limits = CANVAS[0] - HEIGHT - 1, CANVAS[1] - WIDTH - 1
    start = random.uniform(0, limits)[:, None]
    path = start + np.cumsum(speed * wander(random, 2, frames, 25), axis=1)
    scene = windows(canvas, bounce(path[0], limits[0]), bounce(path[1], limits[1]))
    for _ in range(random.integers(1, 5)):
        _add_thing(random, scene)
    return _developed(random, scene)


def _canvas(random: np.random.Generator) -> Array:
    """CANVAS of overlapping discs, in standard deviations of brightness."""
    canvas = np.full(CANVAS, random.normal(), dtype=np.float32)
    y, x = np.ogrid[: CANVAS[0], : CANVAS[1]]
    radii = 2.5 / np.sqrt(random.uniform((2.5 / 40) ** 2, 1, LEAVES))  # density r^-3 in 2.5 .. 40
    centres = random.uniform((0, 0), CANVAS, (LEAVES, 2))
    for (row, column), radius, grey in zip(
        centres, radii, random.normal(0, 1, LEAVES), strict=True
    ):
        canvas[(y - row) ** 2 + (x - column) ** 2 < radius**2] = grey
    return canvas + np.float32(0.35) * stimuli.pink(random, CANVAS)


def _add_thing(random: np.random.Generator, scene: Array) -> None:
    """Let a striped disc cross the scene (T, H, W), in front of what is there."""
    radius = random.uniform(3, 10)
    speed = random.uniform(0.2, 1.2)
    start = random.uniform((0, 0), (HEIGHT, WIDTH))[:, None]
    path = start + np.cumsum(speed * wander(random, 2, len(scene), 30), axis=1)
    y = (np.arange(HEIGHT) - bounce(path[0], HEIGHT)[:, None]).astype(np.float32)  # (T, H)
    x = (np.arange(WIDTH) - bounce(path[1], WIDTH)[:, None]).astype(np.float32)  # (T, W)
    distance = np.sqrt((y**2)[:, :, None] + (x**2)[:, None, :])
    cover = np.clip(radius + 0.5 - distance, 0, 1)
    surface = random.normal() + random.uniform(0.2, 0.8) * stimuli.stripes(random, y, x)
    scene += cover * (surface - scene)


def _developed(random: np.random.Generator, scene: Array) -> Array:
    """Brightness and contrast of a film camera: skewed to the dark, other for every shot."""
    skewed = (np.exp(0.5 * scene) - 1.13) / 0.6
    contrast = CONTRAST * random.uniform(0.6, 1.3)
    return np.asarray(GREY + random.normal(0, 18) + contrast * skewed, dtype=np.float32)
