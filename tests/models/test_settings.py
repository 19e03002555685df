import json

import pytest

from models.errors import ConfigurationError, UserError
from models.settings import read_settings
from tests.models.tiny import config_of


def test_without_anything_all_is_default():
    assert read_settings(None, []) == read_settings(None, ["seed=0"])
    assert read_settings(None, []).training.epochs == 21


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.json", '{"training": {"epochs": 5, "learning_rate": 1e-05}}'),
        ("a.yaml", "training: {epochs: 5, learning_rate: 1e-5}"),
        ("a.yaml", "training:\n  epochs: 5\n  learning_rate: 1.0e-5\n"),
        ("a.yaml", "training.epochs: 5\ntraining.learning_rate: 0.00001\n"),
    ],
)
def test_a_file_may_be_json_or_yaml_nested_or_dotted(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    training = read_settings(tmp_path / name, []).training
    assert (training.epochs, training.learning_rate) == (5, 1e-5)


def test_what_a_configuration_writes_is_read(tmp_path):
    config = config_of("dwiseneuro", seed=3, learning_rate=1e-5)
    (tmp_path / "config.json").write_text(json.dumps(config.model_dump(mode="json")))
    assert read_settings(tmp_path / "config.json", []) == config


def test_single_values_lie_over_the_file(tmp_path):
    (tmp_path / "a.yaml").write_text("training: {epochs: 5, batch_size: 8}")
    pairs = ["training.epochs=7", "network.family=linear", "network.filters=3", "seed=4"]
    config = read_settings(tmp_path / "a.yaml", pairs)
    assert (config.training.epochs, config.training.batch_size, config.seed) == (7, 8, 4)
    assert config.network.filters == 3


@pytest.mark.parametrize(
    ("pair", "value"),
    [
        ("training.learning_rate=1e-3", 0.001),
        ("training.learning_rate=2E-3", 0.002),
        ("training.learning_rate= 0.5", 0.5),
        ("training.gradient_clip=null", None),
        ("training.precision=fp32", "fp32"),
    ],
)
def test_values_are_read_as_yaml(pair, value):
    key = pair.split("=")[0].split(".")[1]
    assert getattr(read_settings(None, [pair]).training, key) == value


def test_a_group_of_values_leaves_the_others_of_its_group(tmp_path):
    (tmp_path / "a.yaml").write_text("training: {epochs: 5, batch_size: 8}")
    training = read_settings(tmp_path / "a.yaml", ["training={epochs: 7}"]).training
    assert (training.epochs, training.batch_size) == (7, 8)


def test_lists_are_values():
    config = read_settings(None, ["data.tiers=[train, oracle]"])
    assert config.data.tiers == ("train", "oracle")


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        ("training.epochs", "--set takes name=value; found 'training.epochs'"),
        ("training.epohcs=3", "did you mean training.epochs"),
        ("training.epochs=many", "training.epochs"),
        ("training.epochs=2023-06-01", "training.epochs"),
        ("training.epochs=", "training.epochs"),
        ("data.tiers=[train", r"data\.tiers"),
        ("seed=@", "seed"),
    ],
)
def test_a_wrong_pair_is_named(pair, message):
    with pytest.raises(UserError, match=message):
        read_settings(None, [pair])


def test_a_name_given_as_value_and_as_group(tmp_path):
    (tmp_path / "a.yaml").write_text("network: linear")
    with pytest.raises(ConfigurationError, match="both a value and a group"):
        read_settings(tmp_path / "a.yaml", ["network.filters=3"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[1, 2]", "holds one list"),
        (b"", "holds one NoneType"),
        (b"a: [1", "neither JSON nor YAML"),
        (b"\xff\xfe\x00", "neither JSON nor YAML"),
    ],
)
def test_a_file_that_holds_no_named_values(tmp_path, content, message):
    path = tmp_path / "a.yaml"
    path.write_bytes(content)
    with pytest.raises(UserError, match=message) as caught:
        read_settings(path, [])
    assert str(path) in caught.value.message
    assert caught.value.remedy


def test_a_missing_file_and_a_folder(tmp_path):
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(UserError, match="cannot read") as caught:
            read_settings(path, [])
        assert str(path) in caught.value.message
