"""How members and weights are chosen from moments: a rule a file, all of one kind (`rule.Rule`)."""

from ensemble.rules.bagged import BaggedGreedy
from ensemble.rules.greedy import Greedy
from ensemble.rules.limits import Budget, Limits
from ensemble.rules.mean import PlainMean
from ensemble.rules.per_mouse import PerMouse
from ensemble.rules.per_neuron import PerNeuron
from ensemble.rules.rule import Rule
from ensemble.rules.simplex import Simplex
from ensemble.rules.single import BestSingle
from ensemble.rules.top import TopK
from ensemble.rules.weights import Weights

WORDS: dict[str, type[Rule]] = {
    "mean": PlainMean,
    "single": BestSingle,
    "top": TopK,
    "greedy": Greedy,
    "bagged": BaggedGreedy,
    "simplex": Simplex,
    "per-mouse": PerMouse,
    "per-neuron": PerNeuron,
}
"""Every kind of rule by the word that asks for it, the simplest first."""
KINDS = tuple(WORDS.values())

__all__ = ["KINDS", "WORDS", "Budget", "Limits", "Rule", "Weights", "every_rule"]


def every_rule(limits: Limits | None = None) -> list[Rule]:
    """A rule of each kind, the simplest first, all with these limits."""
    return [kind(limits=limits or Limits()) for kind in KINDS]
