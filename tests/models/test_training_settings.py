import pytest

from models.errors import ConfigurationError
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


def test_the_core_is_trained_as_the_readouts_where_nothing_else_is_said():
    settings = config_of(learning_rate=0.1, weight_decay=0.3).training
    groups = parameter_groups(training_of("dwiseneuro").network, settings)
    assert [(g["lr"], g["weight_decay"]) for g in groups] == [(0.1, 0.3), (0.1, 0.0)] * 2
    free = config_of(core_weight_decay=0.0, weight_decay=0.3).training
    decays = [g["weight_decay"] for g in parameter_groups(training_of().network, free)]
    assert decays == [0.3, 0.0, 0.0, 0.0]
