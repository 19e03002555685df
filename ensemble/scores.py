"""Numbers of one metric, from the correlations of every neuron of every mouse and kind of stimulus."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.metrics import over_kinds, over_kinds_of_neurons, over_mice

PerNeuron = npt.NDArray[np.float64]
Found = Mapping[str, Mapping[str, PerNeuron]]
"""(N,) of each kind of stimulus ("" for natural films) and, in it, each mouse."""
QUANTILES = (5, 25, 50, 75, 95)
"""Per cent of the neurons of all mice."""


class Number(NamedTuple):
    """A score, and that of the noise-free responses; None where these are not known."""

    score: float
    ceiling: float | None


@dataclass(frozen=True)
class Metric:
    """One metric of one file."""

    whole: Number
    """As the competition counts: the mean over kinds of the mean over mice."""
    over_neurons: Number
    """The starter kit's variant: all neurons of all mice alike."""
    mice: dict[str, Number]
    """The mean over its kinds of the mean over its neurons."""
    kinds: dict[str, Number]
    """Of each kind of out-of-distribution stimulus; empty where none is known."""
    quantiles: dict[int, Number]
    """By per cent of neurons that are at or below; a neuron counts with its mean over kinds."""
    per_neuron: dict[str, PerNeuron]
    """(N,) by mouse, the mean over its kinds."""


def metric(found: Found, ceiling: Found) -> Metric:
    """The numbers of one metric; a ceiling counts where it is known for all that was found."""
    known = {kind: set(mice) for kind, mice in found.items()} == {
        kind: set(mice) for kind, mice in ceiling.items()
    }

    def number(of: Callable[[Found], float]) -> Number:
        return Number(of(found), of(ceiling) if known else None)

    neurons = by_mouse(found)
    return Metric(
        whole=number(over_kinds),
        over_neurons=number(over_kinds_of_neurons),
        mice={mouse: number(partial(_of_mouse, mouse=mouse)) for mouse in neurons},
        kinds={kind: number(partial(_of_kind, kind=kind)) for kind in sorted(found) if kind},
        quantiles={q: number(partial(_quantile, per_cent=q)) for q in QUANTILES},
        per_neuron=neurons,
    )


def by_mouse(found: Found) -> dict[str, PerNeuron]:
    """(N,) of each mouse: the mean over the kinds that it has."""
    mice = dict.fromkeys(mouse for of_kind in found.values() for mouse in of_kind)
    return {
        mouse: np.mean([each[mouse] for each in found.values() if mouse in each], axis=0)
        for mouse in mice
    }


def _of_mouse(found: Found, mouse: str) -> float:
    return float(by_mouse(found)[mouse].mean())


def _of_kind(found: Found, kind: str) -> float:
    return over_mice(found[kind])


def _quantile(found: Found, per_cent: int) -> float:
    return float(np.percentile(np.concatenate([*by_mouse(found).values()]), per_cent))
