"""The five kinds of out-of-distribution stimulus, with the competition's lengths in frames."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from models.recordings.layout import HEIGHT, WIDTH

Array = npt.NDArray[np.float32]
Picture = Callable[[np.random.Generator], Array]

KINDS = ("drifting_gabor", "gaussian_dots", "random_dots", "natural_images", "pink_noise")
LENGTHS = {
    "drifting_gabor": (300, 300),
    "gaussian_dots": (315, 315),
    "random_dots": (240, 240),
    "natural_images": (305, 326),
    "pink_noise": (324, 324),
}
MID_GREY = 128.0


def drifting_gabor(random: np.random.Generator, _: Picture) -> Array:
    """(T, H, W): every 30 frames a grating drifts in another patch and direction."""
    return np.concatenate([_gabor(random, 30) for _ in range(LENGTHS["drifting_gabor"][0] // 30)])


def _gabor(random: np.random.Generator, frames: int) -> Array:
    y, x = _from_centre(random, frames)
    size = random.uniform(6, 14)
    patch = (
        np.exp(-(y**2) / (2 * size**2))[:, :, None] * np.exp(-(x**2) / (2 * size**2))[:, None, :]
    )
    drift = 2 * np.pi * random.uniform(1, 4) / 30 * np.arange(frames, dtype=np.float32)
    return np.asarray(MID_GREY + 110 * patch * stripes(random, y, x, drift), dtype=np.float32)


def gaussian_dots(random: np.random.Generator, _: Picture) -> Array:
    """(T, H, W): eight soft dots, dark and bright, that jump every 15 frames."""
    jumps, dots = LENGTHS["gaussian_dots"][0] // 15, 8
    centres = np.repeat(random.uniform((0, 0), (HEIGHT, WIDTH), (jumps, dots, 2)), 15, axis=0)
    sign = np.repeat(random.choice([-1.0, 1.0], (jumps, dots)), 15, axis=0)
    return MID_GREY + 100 * _dots(centres, sign, random.uniform(2, 4))


def random_dots(random: np.random.Generator, _: Picture) -> Array:
    """(T, H, W): small dots of which most move in one direction, another one every 60 frames."""
    frames, dots, period = LENGTHS["random_dots"][0], 80, 60
    direction = np.repeat(random.uniform(0, 2 * np.pi, frames // period), period)[:, None]
    coherent = random.random(dots) < random.uniform(0.5, 1)
    heading = np.where(coherent, direction, random.uniform(0, 2 * np.pi, (frames, dots)))
    step = random.uniform(0.4, 1.2) * np.stack([np.sin(heading), np.cos(heading)], axis=-1)
    start = random.uniform((0, 0), (HEIGHT, WIDTH), (dots, 2))
    centres = (start + np.cumsum(step, axis=0)) % (HEIGHT, WIDTH)
    sign = np.broadcast_to(random.choice([-1.0, 1.0], dots), (frames, dots))
    return MID_GREY + np.clip(220 * _dots(centres, sign, 1.0), -120, 120)


def natural_images(random: np.random.Generator, picture: Picture) -> Array:
    """(T, H, W): still images of 15 frames, each after 9 frames of grey."""
    shortest, longest = LENGTHS["natural_images"]
    shown = np.full((longest, HEIGHT, WIDTH), MID_GREY, dtype=np.float32)
    for start in range(9, longest, 24):
        shown[start : start + 15] = picture(random)
    return shown[: random.integers(shortest, longest + 1)]


def pink_noise(random: np.random.Generator, _: Picture) -> Array:
    """(T, H, W): Gaussian noise with the same power in every octave of space and time."""
    return MID_GREY + 45 * pink(random, (LENGTHS["pink_noise"][0], HEIGHT, WIDTH))


def pink(random: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Periodic Gaussian noise, mean 0, standard deviation 1, with the same power in every octave."""
    spectrum = np.fft.rfftn(random.standard_normal(shape))
    axes = [np.fft.fftfreq(length) for length in shape[:-1]] + [np.fft.rfftfreq(shape[-1])]
    squared = np.asarray(sum(axis**2 for axis in np.meshgrid(*axes, indexing="ij", sparse=True)))
    squared.flat[0] = np.inf  # no constant part
    falling = spectrum / np.sqrt(squared) ** (len(shape) / 2)
    noise = np.fft.irfftn(falling, shape, axes=range(len(shape)))
    return np.asarray(noise / noise.std(), dtype=np.float32)


def stripes(random: np.random.Generator, y: Array, x: Array, drift: Array | float = 0.0) -> Array:
    """(T, H, W) a grating of random direction and width at coordinates (T, H) and (T, W)."""
    angle, wavelength = random.uniform(0, 2 * np.pi), random.uniform(6, 16)
    phase = random.uniform(0, 2 * np.pi) - np.asarray(drift, dtype=np.float32)
    down = 2 * np.pi / wavelength * np.sin(angle) * y
    right = 2 * np.pi / wavelength * np.cos(angle) * x + np.reshape(phase, (-1, 1))
    waves = np.cos(down)[:, :, None] * np.cos(right)[:, None, :]
    return np.asarray(
        waves - np.sin(down)[:, :, None] * np.sin(right)[:, None, :], dtype=np.float32
    )


def _from_centre(random: np.random.Generator, frames: int) -> tuple[Array, Array]:
    row, column = random.uniform((8, 12), (HEIGHT - 8, WIDTH - 12))
    y = np.broadcast_to(np.arange(HEIGHT, dtype=np.float32) - np.float32(row), (frames, HEIGHT))
    x = np.broadcast_to(np.arange(WIDTH, dtype=np.float32) - np.float32(column), (frames, WIDTH))
    return y, x


def _dots(centres: npt.NDArray[np.float64], sign: npt.NDArray[np.float64], size: float) -> Array:
    """(T, H, W) sum of Gaussian dots at (T, D, 2) rows and columns with contrasts (T, D)."""
    y = np.arange(HEIGHT) - centres[..., :1]  # (T, D, H)
    x = np.arange(WIDTH) - centres[..., 1:]  # (T, D, W)
    tall = sign[..., None] * np.exp(-(y**2) / (2 * size**2))
    wide = np.exp(-(x**2) / (2 * size**2))
    return np.asarray(tall.transpose(0, 2, 1) @ wide, dtype=np.float32)


MAKERS: dict[str, Callable[[np.random.Generator, Picture], Array]] = {
    "drifting_gabor": drifting_gabor,
    "gaussian_dots": gaussian_dots,
    "random_dots": random_dots,
    "natural_images": natural_images,
    "pink_noise": pink_noise,
}
