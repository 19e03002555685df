from random import Random

import optuna
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from models.errors import ConfigurationError, UserError
from search.checks import parse_overrides, prepare_space
from search.reading import load_space, parse_space, read_yaml
from search.space import build, draw, enqueued, floor_flat, overridden, sample

SPACE = """
fixed:
  training.epochs: 3
  data.downsample: {value: 2, when: {network.family: dwiseneuro}}
  network.spatial_strides:
    - {value: [2], when: {network.core_features: [[16]]}}
    - {value: [2, 1], when: {network.core_features: [[16, 32]]}}
parameters:
  network.family: {choice: [linear, dwiseneuro]}
  network.core_features: {choice: [[16], [16, 32]], when: {network.family: dwiseneuro}}
  network.filters: {int: [1, 5], step: 2, when: {network.family: linear}}
  training.learning_rate:
    - {log: [1e-3, 1e-2], when: {network.family: linear}}
    - {log: [1e-4, 1e-3]}
  training.weight_decay: {uniform: [0, 0.5]}
first:
  - {network.family: dwiseneuro, network.core_features: [16, 32], training.learning_rate: 5e-4}
floor: {training.learning_rate: 0.02}
"""


PARSED = parse_space(read_yaml(SPACE), "space.yaml")


@pytest.fixture
def space():
    return PARSED


def study():
    return optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))


def problems_of(text):
    with pytest.raises(ConfigurationError) as caught:
        parse_space(read_yaml(text), "space.yaml")
    return {problem.where: problem.rule for problem in caught.value.problems}


def parameters(text):
    return problems_of(f"fixed: {{network.family: linear}}\nparameters:\n  {text}")


@given(st.integers(0, 10_000))
def test_what_is_drawn_obeys_conditions_and_ranges(seed):
    flat = draw(PARSED, Random(seed))
    linear = flat["network.family"] == "linear"
    assert ("network.filters" in flat) == linear
    assert ("network.core_features" in flat) == (not linear)
    assert flat.get("data.downsample", 1) == (1 if linear else 2)
    low, high = (1e-3, 1e-2) if linear else (1e-4, 1e-3)
    assert low <= flat["training.learning_rate"] <= high
    assert flat.get("network.filters", 1) in (1, 3, 5)
    if not linear:
        assert len(flat["network.spatial_strides"]) == len(flat["network.core_features"])
    build(flat)


def test_alternatives_of_one_name_are_parameters_of_their_own(space):
    asked = study()
    names = {name for _ in range(30) for name in _asked_names(space, asked)}
    assert {
        "training.learning_rate (network.family=linear)",
        "training.learning_rate (else)",
        "network.core_features",
    } <= names


def _asked_names(space, asked):
    trial = asked.ask()
    sample(space, trial)
    return trial.params


def test_a_list_among_the_choices_survives_the_study(space):
    asked = study()
    asked.enqueue_trial(enqueued(space, space.first[0]))
    trial = asked.ask()
    assert sample(space, trial)["network.core_features"] == [16, 32]
    assert trial.params["network.core_features"] == "[16, 32]"


def test_an_override_fixes_a_name_and_drops_what_disagrees(space):
    changed = overridden(space, {"network.family": "linear", "training.epochs": 1})
    flats = [draw(changed, Random(seed)) for seed in range(20)]
    assert {flat["network.family"] for flat in flats} == {"linear"}
    assert {flat["training.epochs"] for flat in flats} == {1}
    assert not changed.first
    assert build(floor_flat(changed)).training.epochs == 1
    kept = overridden(space, {"training.learning_rate": 0.003, "seed": 4})
    assert "training.learning_rate" not in kept.first[0]


def test_a_fixed_name_of_some_families_is_asked_of_no_other():
    space = load_space("all")
    assignments = ["network.heads=8", "network.channels=48", "training.batch_size=4"]
    changed = overridden(space, parse_overrides(assignments))
    flats = [draw(changed, Random(seed)) for seed in range(100)]
    by_family = {flat["network.family"]: build(flat) for flat in flats}
    assert set(by_family) == set(space.families)
    assert {by_family[family].network.heads for family in ("vivit", "swin")} == {8}
    assert by_family["gru"].network.channels == 48
    channels = [flat.get("network.channels", []) for flat in flats]
    assert {2, 3, 4} <= {len(each) for each in channels if each != 48}, "where 48 is no value"
    assert {config.training.batch_size for config in by_family.values()} == {4}
    kept = [each["network.family"] for each in changed.first]
    assert kept == [each["network.family"] for each in space.first]


def test_a_fixed_name_that_no_family_left_has_is_refused():
    with pytest.raises(ConfigurationError, match="no such key"):
        prepare_space("all", {"network.family": "linear", "network.heads": 8})
    config = build(draw(prepare_space("all", {"network.family": "vivit"}), Random(0)))
    assert config.network.family == "vivit"


def test_limits_are_read_checked_and_overridden():
    limited = SPACE + "limits: {parameters: 1000, memory_gb: 2}"
    space = parse_space(read_yaml(limited), "space.yaml")
    assert (space.limits.parameters, space.limits.memory_gb) == (1000, 2.0)
    changed = overridden(space, parse_overrides(["limits.parameters=5"]))
    assert (changed.limits.parameters, changed.limits.memory_gb) == (5, 2.0)
    assert "limits.parameters" not in changed.domains
    found = problems_of(SPACE + "limits: {parameters: many, memory: 2}")
    assert "integer" in found["limits.parameters"]
    assert "did you mean memory_gb?" in found["limits.memory"]
    with pytest.raises(ConfigurationError, match="greater than or equal to 1"):
        parse_overrides(["limits.parameters=0"])


def test_the_floor_has_the_spaces_data_and_its_own_settings():
    space = parse_space(read_yaml(SPACE.replace("training.epochs: 3", "data.folds: 3")), "s")
    config = build(floor_flat(space))
    assert (config.network.family, config.data.folds, config.data.downsample) == ("linear", 3, 1)
    assert config.training.learning_rate == 0.02


def test_everything_wrong_is_said_at_once_with_suggestions():
    found = problems_of(
        """
        fixd: {}
        fixed: {training.epochs: many, training.bach_size: 3}
        parameters:
          network.filters: {int: [1, 4], stepp: 2}
          training.learning_rate: {log: [0, 1]}
          training.weight_decay: {unifrom: [0, 1]}
          network.units: {choice: []}
          training.ema_decay: {uniform: [0.9, 0.5]}
          network.history: {int: [0, 5]}
        """
    )
    assert "did you mean fixed?" in found["fixd"]
    assert "did you mean training.batch_size?" in found["fixed.training.bach_size"]
    assert "integer" in found["training.epochs"]
    assert "did you mean step?" in found["parameters.network.filters.stepp"]
    assert "above 0" in found["parameters.training.learning_rate.log"]
    assert "one of uniform, log, int, choice" in found["parameters.training.weight_decay"]
    assert "at least 1 item" in found["parameters.network.units.choice"]
    assert "below the second" in found["parameters.training.ema_decay.uniform"]
    assert "greater than or equal to 1" in found["network.history"]


@pytest.mark.parametrize("text", ["", "parameters: {}", "fixed: {training.epochs: 3}"])
def test_a_space_without_parameters_is_refused(text):
    found = problems_of(text)
    assert "parameters" in found or "a mapping with" in found["the whole"]


def test_conditions_name_what_is_there_and_do_not_go_round():
    unknown = parameters("network.filters: {int: [1, 2], when: {network.famly: linear}}")
    assert "did you mean network.family?" in unknown["network.filters"]
    circle = parameters(
        "network.filters: {int: [1, 2], when: {network.history: 3}}\n"
        "  network.history: {int: [2, 3], when: {network.filters: 1}}"
    )
    assert "circle" in circle["when"]
    hidden = parameters(
        "network.filters: [{int: [1, 2]}, {int: [3, 4], when: {seed: 1}}]\n  seed: {int: [0, 1]}"
    )
    assert "last alternative" in hidden["network.filters"]


def test_a_first_configuration_has_names_and_values_that_can_be():
    found = parameters(
        "network.filters: {int: [1, 3]}\nfirst: [{network.filters: 7}, {network.filers: 1}]"
    )
    assert "may choose" in found["first[0].network.filters"]
    assert "did you mean network.filters?" in found["first[1]"]


def test_a_space_that_gives_impossible_runs_is_refused():
    found = problems_of(
        """
        fixed: {network.family: dwiseneuro}
        parameters: {network.groups: {choice: [3]}, training.epochs: {int: [1, 2]}}
        """
    )
    assert any("multiples of groups" in rule for rule in found.values())


def test_an_unknown_space_lists_the_shipped_ones(tmp_path):
    with pytest.raises(UserError, match=r"did you mean demo\?"):
        load_space("dmo")
    broken = tmp_path / "broken.yaml"
    broken.write_text("a: [1")
    with pytest.raises(UserError, match="is not YAML"):
        load_space(str(broken))


def test_numbers_with_exponents_are_numbers():
    assert read_yaml("[1e-3, 2E5, 1.5e-2, 12, a1e3]") == [1e-3, 2e5, 1.5e-2, 12, "a1e3"]
    assert yaml.safe_load("1e-3") == "1e-3", "PyYAML has learnt it; the loader of ours can go"


def test_overrides_are_checked_all_at_once():
    assert parse_overrides(["training.epochs=2", "network.core_features=[8, 8]"]) == {
        "training.epochs": 2,
        "network.core_features": [8, 8],
    }
    with pytest.raises(ConfigurationError) as caught:
        parse_overrides(["epochs", "training.epoch=2", "training.epochs=two", "seed=[1"])
    assert len(caught.value.problems) == 4


def test_overrides_that_leave_nothing_or_nonsense_are_refused(tmp_path):
    file = tmp_path / "space.yaml"
    file.write_text(
        "fixed: {network.family: dwiseneuro}\nparameters: {network.groups: {choice: [1, 2]}}"
    )
    with pytest.raises(UserError, match="nothing is left"):
        prepare_space(str(file), {"network.groups": 1})
    linear = {"network.family": "linear", "network.filters": 1, "training.learning_rate": 0.01}
    with pytest.raises(UserError, match="nothing is left"):
        prepare_space("demo", {**linear, "training.weight_decay": 0.0})
    with pytest.raises(ConfigurationError, match="multiples of groups"):
        prepare_space(str(file), {"network.cortex_features": [5]})


def test_order_is_parents_first(space):
    place = {name: index for index, name in enumerate(space.order)}
    assert place["network.family"] < place["network.core_features"]
    assert place["network.core_features"] < place["network.spatial_strides"]
