import hashlib

import numpy as np
import pytest

from ensemble.chosen import Ensemble
from ensemble.evaluation import TierScores
from ensemble.manifest import (
    Manifest,
    WeightsEntry,
    config_hash,
    file_entries,
    member_entries,
)
from ensemble.rules import Limits, Weights
from ensemble.selection import select
from models.config import load_config
from models.errors import ProblemsFound, UserError
from tests.ensemble.build_fixtures import complete_ones
from tests.ensemble.made_moments import made_mice

SELECTION, _ = select(made_mice(1, [1.0, 2.0]), ["0", "4"], Limits())


def example(**changes):
    content = {
        "source": "search 'demo'",
        "left_out": {"failed": 2},
        "rule": "plain mean",
        "members": [],
        "added": 0,
        "weights": WeightsEntry(
            shared=[0.1, 0.9], own={"a": [0.5, 0.5], "b": [[1, 0], [0.3, 0.7]]}
        ),
        "selection": SELECTION,
        "evaluation": (
            TierScores("oracle", 6, ("a",), (0.2, 0.1), 0.3, None, None, 0.5, {"x": 0.1}),
        ),
        "evaluation_raw": (),
        "floor": None,
        "data": "/data",
        "data_fingerprint": "0123",
        "mice": ["a"],
        "options": {"top": 10, "mice": None},
        "files": [],
    }
    return Manifest(**(content | changes))


def test_what_is_written_is_read(tmp_path):
    manifest = example()
    assert manifest.write(tmp_path) == tmp_path / "manifest.json"
    assert Manifest.read(tmp_path) == manifest


def test_code_and_packages_are_recorded():
    manifest = example()
    assert manifest.commit
    assert {"torch", "numpy", "pyarrow"} <= manifest.packages.keys()
    assert manifest.created.endswith("+00:00")


def ensemble_of(members, weights):
    return Ensemble(tuple(members), weights, SELECTION, "", {}, None)


def test_members_and_files_are_told_by_their_content(demo):
    members = complete_ones(demo).members[:2]
    weights = Weights(np.array([0.2, 0.8]), {"b": np.array([[1.0, 0.0], [0.4, 0.6]])})
    first, second = member_entries(ensemble_of(members, weights), ["a", "b"])
    content = (members[0].run.path / "weights.pt").read_bytes()
    (run,) = first.runs
    assert run.weights_sha256 == hashlib.sha256(content).hexdigest()
    assert first.label == members[0].label
    assert first.weight == pytest.approx((0.2 + 0.7) / 2)
    assert first.held_out_score == members[0].score
    assert first.config_hash != second.config_hash  # another seed
    (file,) = file_entries([members[0].run.weights])
    assert (file.name, file.bytes) == ("weights.pt", len(content))
    assert file.sha256 == run.weights_sha256


def test_weights_are_read_back_to_the_last_bit(tmp_path):
    own = np.random.default_rng(0).dirichlet([1, 1, 1], 7)
    weights = Weights(np.array([1 / 3, 1 / 7, 11 / 21]), {"a": own, "b": own[0]})
    manifest = example(weights=WeightsEntry.of(weights))
    manifest.write(tmp_path)
    found = Manifest.read(tmp_path).weights.weights
    for mouse in ("a", "b", "c"):
        np.testing.assert_array_equal(found.of(mouse), weights.of(mouse))


def test_the_ensemble_of_a_manifest_is_that_of_the_run_folders(demo):
    members = complete_ones(demo).members[:2]
    weights = Weights(np.array([0.25, 0.75]))
    entries = member_entries(ensemble_of(members, weights), ["a"])
    found = example(members=entries, weights=WeightsEntry.of(weights)).ensemble()
    assert found.members == tuple(members)
    assert found.weights.shared.tolist() == [0.25, 0.75]
    assert found.selection == SELECTION


def test_weights_of_runs_that_are_gone_or_others_are_named(demo, tmp_path):
    copied = demo.copy(tmp_path / "home")
    members = complete_ones(copied).members
    entries = member_entries(ensemble_of(members, Weights(np.full(3, 1 / 3))), ["a"])
    members[0].run.weights.unlink()
    members[2].run.weights.write_bytes(b"others")
    with pytest.raises(ProblemsFound) as caught:
        example(members=entries).ensemble()
    told = {problem.where: problem.found for problem in caught.value.problems}
    assert told.keys() == {str(members[0].run.path), str(members[2].run.path)}
    assert "no weights.pt" in told.values()


def test_a_configurations_hash_depends_on_every_value():
    assert config_hash(load_config({})) == config_hash(load_config({"seed": 0}))
    assert config_hash(load_config({})) != config_hash(load_config({"seed": 1}))


def test_a_missing_or_broken_manifest(tmp_path):
    with pytest.raises(UserError, match="is missing"):
        Manifest.read(tmp_path)
    (tmp_path / "manifest.json").write_text('{"source": 1}')
    with pytest.raises(UserError, match="is not a manifest"):
        Manifest.read(tmp_path)
