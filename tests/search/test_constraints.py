import numpy as np
import pytest
import torch

from models.config import load_config, nest
from models.networks.network import Mouse
from models.networks.registry import build as build_network
from search.constraints import (
    BYTES_A_PARAMETER,
    Constraints,
    limits_check,
    memory_of,
    mice_of,
    parameter_count,
)
from search.reading import load_space

MICE = [Mouse.of_size("a", 7), Mouse.of_size("b", 5)]
SIZE = (36, 64)
SMALL = {
    "dwiseneuro": {
        "network__core_features": [8, 16],
        "network__spatial_strides": [2, 1],
        "network__cortex_features": [32],
        "network__scale_outputs": True,
    }
}
"""Settings of families whose defaults are large."""


def config_of(family, **values):
    named = {name.replace("__", "."): value for name, value in values.items()}
    return load_config(nest({"network.family": family, **named}))


@pytest.mark.parametrize("family", load_space("all").families)
def test_parameters_are_counted_as_the_network_has_them(family):
    config = config_of(family, data__downsample=2, **SMALL.get(family, {}))
    network = build_network(config.network, MICE, (18, 32))
    assert parameter_count(config, MICE, SIZE) == sum(p.numel() for p in network.parameters())


def test_what_autograd_keeps_is_counted_as_a_step_keeps_it():
    config = config_of("motion_energy", training__precision="fp32", training__batch_size=2)
    network = build_network(config.network, MICE, SIZE)
    kept, own = {}, {each.untyped_storage().data_ptr() for each in network.parameters()}
    clip = torch.zeros(2, config.network.clip_frames, *SIZE)
    behaviour = torch.zeros(2, 4, config.network.clip_frames)

    def keep(tensor):
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = (storage.nbytes(), tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        responses = network(clip, behaviour, [(0, slice(0, 1)), (1, slice(1, 2))])
        sums = [torch.log(each + 1e-8).sum() for each in responses]
    assert len(sums) == 2
    bytes_kept = sum(size for place, (size, _) in kept.items() if place not in own)
    estimated = memory_of(config, MICE, SIZE)
    estimated -= BYTES_A_PARAMETER * parameter_count(config, MICE, SIZE)
    assert estimated == pytest.approx(bytes_kept, rel=0.05)


def test_memory_grows_with_clips_and_shrinks_with_16_bits_and_small_batches():
    usual = config_of("gru", training__batch_size=8)
    single = config_of("gru", training__batch_size=8, training__precision="fp32")
    parts = config_of("gru", training__batch_size=8, training__micro_batch=2)
    most, middle, least = (memory_of(each, MICE, SIZE) for each in (single, usual, parts))
    assert most > middle > least


def test_a_limit_that_is_broken_is_said_with_both_numbers():
    config = config_of("linear")
    count = parameter_count(config, MICE, SIZE)
    assert Constraints(parameters=count, memory_gb=100.0).broken(config, MICE, SIZE) == ""
    few = Constraints(parameters=1000).broken(config, MICE, SIZE)
    assert few == f"has {count:,} parameters, over the limit 1,000"
    small = Constraints(memory_gb=0.001).broken(config, MICE, SIZE)
    assert "GB, over the limit 0.001 GB" in small


def test_the_check_knows_the_mice_of_the_recordings(data):
    behaviour = next(data.iterdir()) / "data" / "behavior"
    behaviour.mkdir()
    np.save(behaviour / "0.npy", np.zeros((2, 3)))
    mice, size = mice_of(data)
    assert ([mouse.neurons for mouse in mice], size) == ([2], (36, 64))
    assert limits_check(Constraints(), data)({}) == ""
    check = limits_check(Constraints(parameters=1), data)
    assert check({"network.family": "linear"}).startswith("has ")
