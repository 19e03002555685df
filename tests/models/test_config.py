import datetime
import json
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from models.config import RunConfig, flatten, known_names, load_config, nest
from models.errors import ConfigurationError
from models.networks.registry import FAMILIES, FLOOR, AnyNetworkConfig
from tests.models.tiny import NETWORKS, config_of

keys = st.text("abc_", min_size=1, max_size=3)
leaves = st.integers() | st.booleans() | st.text(max_size=3) | st.lists(st.integers(), max_size=2)
nested = st.dictionaries(
    keys,
    st.recursive(leaves, lambda inner: st.dictionaries(keys, inner, min_size=1, max_size=3)),
    max_size=4,
)


def problems_of(content):
    with pytest.raises(ConfigurationError) as caught:
        load_config(content, "the file")
    return {problem.where: problem for problem in caught.value.problems}, str(caught.value)


@pytest.mark.parametrize(
    ("content", "where", "suggestion"),
    [
        ({"training": {"epohcs": 3}}, "training.epohcs", "did you mean training.epochs?"),
        ({"network": {"family": "linear", "filter": 3}}, "network.filter", "network.filters?"),
        ({"trainig": 3}, "trainig", "did you mean training?"),
        ({"data": {"downsampel": 3}}, "data.downsampel", "did you mean data.downsample?"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_known_one(content, where, suggestion):
    problems, text = problems_of(content)
    assert list(problems) == [where]
    assert problems[where].rule.startswith("no such key")
    assert suggestion in problems[where].rule
    assert problems[where].found == "3"
    assert text.startswith("the file: 1 problem\n")


def test_a_key_like_no_other_is_refused_without_a_suggestion():
    problems, _ = problems_of({"zzzzzz": 1})
    assert problems["zzzzzz"].rule == "no such key"


@pytest.mark.parametrize(
    ("part", "key", "value"),
    [
        ("training", "epochs", "five"),
        ("training", "epochs", 2.5),
        ("training", "epochs", 0),
        ("training", "epochs", True),
        ("training", "epochs", None),
        ("training", "learning_rate", "fast"),
        ("training", "learning_rate", float("inf")),
        ("training", "learning_rate", float("nan")),
        ("training", "ema_decay", 1.0),
        ("training", "cutmix_probability", 1.5),
        ("training", "precision", "fp8"),
        ("data", "downsample", 3),
        ("data", "folds", 1),
        ("inference", "stride", 0),
    ],
)
def test_a_value_of_the_wrong_type_or_out_of_range_is_refused_by_its_name(part, key, value):
    problems, _ = problems_of({part: {key: value}})
    assert list(problems) == [f"{part}.{key}"]
    assert problems[f"{part}.{key}"].found == json.dumps(value)


def test_everything_wrong_is_named_at_once():
    content = {
        "network": {"family": "dwiseneuro", "drop_rate": 1.5, "colour": "red"},
        "training": {"epochs": "five", "batch_size": 0},
        "data": {"tiers": ["live_test_main"]},
        "seed": -1,
    }
    problems, text = problems_of(content)
    expected = {"network.drop_rate", "network.colour", "training.epochs", "training.batch_size"}
    assert problems.keys() == expected | {"data.tiers.0", "seed"}
    assert text.startswith("the file: 6 problems\n")
    assert all(f"  {where}: " in text for where in problems)


@pytest.mark.parametrize(
    ("content", "where", "rule"),
    [
        ({"data": {"folds": 3, "fold": 3}}, "data", "fold is below folds (3); found 3"),
        ({"data": {"tiers": []}}, "data", "tiers names at least one tier"),
        ({"network": {"family": "dwiseneuro", "groups": 3}}, "network", "multiples of groups (3)"),
        ({"network": {"family": "resnet"}}, "network", "resnet"),
        ({"network": {"filters": 2}}, "network", "family"),
        ({"training": 5}, "training", "should be an object"),
    ],
)
def test_rules_over_several_values(content, where, rule):
    problems, _ = problems_of(content)
    assert rule in problems[where].rule


def test_a_value_that_json_does_not_know_is_a_wrong_type():
    problems, _ = problems_of({"training": {"epochs": datetime.date(2023, 6, 1)}})
    assert problems["training.epochs"].found == '"2023-06-01"'


@pytest.mark.parametrize("family", FAMILIES)
def test_a_configuration_survives_json_and_dotted_names(family):
    config = config_of(family, seed=7, data={"tiers": ["train", "oracle"], "fold": 1})
    content = config.model_dump(mode="json")
    assert load_config(json.loads(json.dumps(content))) == config
    assert load_config(nest(flatten(content))) == config
    assert load_config({"network": {"family": family}}).network.family == family


def test_every_family_is_named_and_tried():
    members = get_args(get_args(AnyNetworkConfig)[0])
    assert {model.model_fields["family"].default for model in members} == set(FAMILIES)
    assert NETWORKS.keys() == set(FAMILIES)
    assert load_config({}).network.family == FLOOR


@pytest.mark.parametrize("family", FAMILIES)
def test_known_names_are_all_that_can_be_set(family):
    assert flatten(config_of(family).model_dump()).keys() <= set(known_names())


def test_a_configuration_never_changes():
    with pytest.raises(ValidationError, match="frozen"):
        RunConfig().seed = 3


@given(nested)
def test_nest_is_the_inverse_of_flatten(content):
    flat = flatten(content)
    assert nest(flat) == content
    assert flatten(nest(flat)) == flat
    assert not any(isinstance(value, dict) for value in flat.values())


@pytest.mark.parametrize("names", [("training", "training.epochs"), ("a.b", "a.b.c.d")])
def test_a_name_cannot_be_a_value_and_a_group(names):
    for flat in ({names[0]: 5, names[1]: 3}, {names[1]: 3, names[0]: 5}):
        with pytest.raises(ConfigurationError, match="both a value and a group") as caught:
            nest(flat)
        assert caught.value.problems[0].where == names[0]
