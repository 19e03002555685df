"""What the animal does: it runs in bouts, its pupil follows, it looks around, and all of it drifts."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import signal

from models.recordings.synthetic.seeds import generator, wander

Array = npt.NDArray[np.float32]

SMALLEST_PUPIL = 2.0


@dataclass(frozen=True)
class Animal:
    """One mouse's habits; `when` is the time within the session, 0 at its start and 1 at its end."""

    dilation: tuple[float, float]
    """Mean and spread of the pupil's dilation, in the eye camera's units."""
    top_speed: float
    """Running speed, cm/s."""
    gaze: npt.NDArray[np.float64]
    """(2,) mean pupil centre, horizontal and vertical, in the eye camera's pixels."""
    gaze_spread: npt.NDArray[np.float64]
    """(2,) its standard deviations."""
    waves: npt.NDArray[np.float64]
    """(3, 3) phases of the slow drifts over the session: of arousal and of the gaze's two axes."""

    def trial(self, random: np.random.Generator, frames: int, when: float) -> Array:
        """(4, T) pupil dilation, running speed, pupil centre horizontal and vertical."""
        arousal, *drift = self._drift(when)
        running = self._running(random, frames, arousal)
        dilation = self._dilation(random, running, arousal)
        return np.stack([dilation, running, *self._looking(random, frames, drift)]).astype(
            np.float32
        )

    def _drift(self, when: float) -> npt.NDArray[np.float64]:
        """(3,) values between -1 and 1."""
        cycles = 2 * np.pi * when * np.array([0.7, 2.3, 6.1])
        return np.asarray(np.sin(cycles + self.waves).mean(axis=1))

    def _running(
        self, random: np.random.Generator, frames: int, arousal: float
    ) -> npt.NDArray[np.float64]:
        urge = wander(random, 1, frames, 150)[0] + 0.8 * arousal - 0.2
        stride = 1 + 0.25 * wander(random, 1, frames, 12)[0]
        bout = _smooth(np.clip(2.5 * urge, 0, 1.5), 8)
        return np.asarray(self.top_speed * bout * np.clip(stride, 0, None))

    def _dilation(
        self, random: np.random.Generator, running: npt.NDArray[np.float64], arousal: float
    ) -> npt.NDArray[np.float64]:
        mean, spread = self.dilation
        effort = _smooth(running / self.top_speed, 40) - 0.4
        slow = 0.5 * wander(random, 1, len(running), 120)[0] + 0.7 * arousal + 0.9 * effort
        return np.clip(mean + spread * _smooth(slow, 6), SMALLEST_PUPIL, None)

    def _looking(
        self, random: np.random.Generator, frames: int, drift: list[float]
    ) -> npt.NDArray[np.float64]:
        """(2, T): fixations of about a second and a half between saccades, with a small tremor."""
        fixation = np.cumsum(random.random(frames) < 1 / 45)
        targets = random.standard_normal((2, frames))[:, fixation]
        offset = (
            0.85 * targets + 0.7 * np.array(drift)[:, None] + 0.08 * wander(random, 2, frames, 5)
        )
        return self.gaze[:, None] + self.gaze_spread[:, None] * _smooth(offset, 1)


def animal(seed: int, mouse: int) -> Animal:
    """The habits of one mouse of a data set."""
    random = generator(seed, "animal", mouse)
    mean = random.uniform(14, 40)
    return Animal(
        dilation=(mean, 0.22 * mean),
        top_speed=random.uniform(5, 25),
        gaze=random.uniform((180, 140), (420, 300)),
        gaze_spread=random.uniform((2.5, 1.5), (5, 3)),
        waves=random.uniform(0, 2 * np.pi, (3, 3)),
    )


def _smooth(values: npt.NDArray[np.float64], memory: float) -> npt.NDArray[np.float64]:
    """An exponential memory over time (last axis) that starts settled at the first value."""
    keep = np.exp(-1 / memory)
    smoothed, _ = signal.lfilter(
        [1 - keep], [1.0, -keep], values, axis=-1, zi=keep * values[..., :1]
    )
    return np.asarray(smoothed)
