"""Which weights decay, and at which rate they are trained."""

import pytest

from models.networks.registry import FAMILIES, build
from models.training.groups import parameter_groups
from tests.models.tiny import config_of, mouse_of

CORE = {"core_learning_rate": 0.5, "core_weight_decay": 0.25}


def groups_of(family, **training):
    """The names of weights by rate and decay, with the network's named weights."""
    config = config_of(family, learning_rate=0.1, weight_decay=0.01, **training)
    network = build(config.network, [mouse_of(3)], (18, 32))
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    found = {
        names[id(parameter)]: (group["lr"], group["weight_decay"])
        for group in parameter_groups(network, config.training)
        for parameter in group["params"]
    }
    return found, dict(network.named_parameters())


@pytest.mark.parametrize("family", FAMILIES)
def test_every_trained_weight_is_in_one_group_with_its_owner_s_rate(family):
    found, weights = groups_of(family, **CORE)
    assert found.keys() == {name for name, p in weights.items() if p.requires_grad}
    for name, (rate, decay) in found.items():
        of_a_mouse = name.startswith(("readouts.", "scales."))
        assert rate == (0.1 if of_a_mouse else 0.5)
        assert decay in {0.0, 0.01 if of_a_mouse else 0.25}


@pytest.mark.parametrize("family", FAMILIES)
def test_vectors_and_places_do_not_decay(family):
    found, weights = groups_of(family)
    for name, (_, decay) in found.items():
        free = weights[name].ndim <= 1 or name.endswith((".place", ".spread", ".table"))
        assert decay == (0.0 if free else 0.01), name


def test_places_exist_where_they_are_said_to():
    names = [name for family in ("factorized", "swin") for name in groups_of(family)[0]]
    for last in (".place", ".spread", ".table"):
        assert any(name.endswith(last) for name in names)
