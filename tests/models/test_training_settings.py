import pytest

from models.errors import ConfigurationError
from models.networks.registry import FAMILIES
from models.training.groups import parameter_groups
from tests.models.tiny import config_of
from tests.models.tiny_training import training_of


def test_fields_that_do_not_go_together_are_all_told():
    with pytest.raises(ConfigurationError) as caught:
        config_of(batch_size=4, micro_batch=5, schedule="plateau", plateau_patience=3, early_stop=3)
    message = caught.value.message
    assert "micro_batch is at most batch_size (4); found 5" in message
    assert "early_stop is above plateau_patience (3)" in message
    assert config_of(batch_size=4, micro_batch=4, early_stop=1, plateau_patience=3)


@pytest.mark.parametrize("family", FAMILIES)
def test_readouts_and_core_have_their_rates_and_only_matrices_decay(family):
    rates = {"learning_rate": 0.1, "core_learning_rate": 0.2}
    decays = {"weight_decay": 0.3, "core_weight_decay": 0.4}
    training = training_of(family, warmup=0.0, **rates, **decays)
    groups = training.optimizer.param_groups
    assert [(group["lr"], group["weight_decay"]) for group in groups] == [
        *((0.1, 0.3), (0.1, 0.0)),
        *((0.2, 0.4), (0.2, 0.0)),
    ]
    found = [{id(parameter) for parameter in group["params"]} for group in groups]
    named = dict(training.network.named_parameters())
    trained = {id(p): name for name, p in named.items() if p.requires_grad}
    assert sum(map(len, found)) == len(set().union(*found)) == len(trained)
    for readouts, decayed in ((True, True), (True, False), (False, True), (False, False)):
        expected = {
            place
            for place, name in trained.items()
            if name.startswith("readouts.") == readouts and (named[name].ndim > 1) == decayed
        }
        assert found[2 * (not readouts) + (not decayed)] == expected
    assert found[0]


def test_the_core_is_trained_as_the_readouts_where_nothing_else_is_said():
    settings = config_of(learning_rate=0.1, weight_decay=0.3).training
    groups = parameter_groups(training_of("dwiseneuro").network, settings)
    assert [(g["lr"], g["weight_decay"]) for g in groups] == [(0.1, 0.3), (0.1, 0.0)] * 2
    free = config_of(core_weight_decay=0.0, weight_decay=0.3).training
    decays = [g["weight_decay"] for g in parameter_groups(training_of().network, free)]
    assert decays == [0.3, 0.0, 0.0, 0.0]
