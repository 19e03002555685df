from random import Random

import optuna
import pytest
import torch

from models.networks.network import Mouse
from models.networks.registry import build as build_network
from search.constraints import parameter_count
from search.reading import load_space, shipped_spaces
from search.space import build, draw, enqueued, floor_flat, sample

MICE = [Mouse.of_size("a", 3), Mouse.of_size("b", 5)]
SIZE = (36, 64)
SHAPELESS = {"drop_rate", "drop_path_rate", "softplus_beta", "frame_step", "clip_frames"}
"""Settings that do not change a network's shape."""
FAMILIES = ("dwiseneuro", "factorized", "gru", "linear", "motion_energy", "swin", "vivit")


def study():
    return optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))


@pytest.mark.parametrize("name", shipped_spaces())
def test_a_shipped_space_gives_runs_and_networks(name):
    space, asked, structures = load_space(name), study(), {}
    for wanted in space.first:
        asked.enqueue_trial(enqueued(space, wanted))
    for _ in range(200):
        config = build(sample(space, asked.ask()))
        structures[config.network.model_dump_json(exclude=SHAPELESS)] = config
    for config in list(structures.values())[:25]:
        assert parameter_count(config, MICE, SIZE) > 0
    assert build(floor_flat(space)).network.family == "linear"


def test_the_networks_of_the_demo_can_be_made():
    space = load_space("demo")
    for seed in range(8):
        config = build(draw(space, Random(seed)))
        size = (SIZE[0] // config.data.downsample, SIZE[1] // config.data.downsample)
        network = build_network(config.network, MICE, size)
        assert all(torch.isfinite(each).all() for each in network.parameters())


@pytest.mark.parametrize("name", shipped_spaces())
def test_the_first_configurations_are_proposed_first_and_whole(name):
    space, asked = load_space(name), study()
    for wanted in space.first:
        asked.enqueue_trial(enqueued(space, wanted))
    assert space.first
    for wanted in space.first:
        trial = asked.ask()
        flat = sample(space, trial)
        assert {key: flat[key] for key in wanted} == wanted
        assert set(trial.params) == set(enqueued(space, wanted)), "nothing is left to chance"


@pytest.mark.parametrize("family", FAMILIES)
def test_the_space_over_all_families_has_each_as_its_own_file_has_it(family):
    """But for the data, which is the same for all so that their scores can be compared."""
    whole, own = load_space("all"), load_space(family)
    assert tuple(sorted(whole.families)) == FAMILIES
    wanted = next(each for each in whole.first if each["network.family"] == family)
    assert {key: wanted[key] for key in own.first[0]} == own.first[0]
    random = Random(0)
    drawn = [draw(whole, random) for _ in range(400)]
    there = [flat for flat in drawn if flat["network.family"] == family]
    for flat in there:
        for name, domain in domains_at(own, flat).items():
            assert domain.allows(flat[name]) or name.startswith("data."), name
        assert set(flat) - {"data.tiers", "data.folds"} <= set(domains_at(own, flat))
    assert len({flat["data.folds"] for flat in drawn}) == 1


def domains_at(space, flat):
    """The domain of each name of a configuration in another space."""
    found = {}

    def choose(name, _, domain):
        found[name] = domain
        return flat[name]

    space.walk(choose)
    return found


def test_the_winners_configuration_is_within_the_limits_for_ten_mice():
    mice = [Mouse.of_size(str(number), 7900) for number in range(10)]
    for name in ("dwiseneuro", "all"):
        space = load_space(name)
        flat = next(iter(space.first))
        trial = optuna.trial.FixedTrial(enqueued(space, flat))
        config = build(sample(space, trial))
        assert space.limits.broken(config, mice, SIZE) == ""
    assert 165e6 < parameter_count(config, mice, SIZE) < 175e6, "the published 170 M"
