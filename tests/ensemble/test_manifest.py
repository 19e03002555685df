import hashlib

import pytest

from ensemble.evaluation import TierScores
from ensemble.manifest import Manifest, config_hash, file_entries, member_entry
from ensemble.members import members_of_search
from ensemble.selection import Prefix, Selection
from models.config import load_config
from models.errors import UserError


def example(**changes):
    content = {
        "source": "search 'demo'",
        "left_out": {"failed": 2},
        "rule": "plain mean",
        "members": [],
        "selection": Selection((Prefix(1, "0", 0.2, 0.2), Prefix(2, "4", 0.1, 0.25)), 2),
        "evaluation": (TierScores("oracle", 6, ("a",), (0.2, 0.1), 0.3, None, 0.5, {"x": 0.1}),),
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


def test_members_and_files_are_told_by_their_content(demo):
    first, second, _ = members_of_search(demo.home, "demo").members
    entry = member_entry(first, 0.5)
    weights = (first.run.path / "weights.pt").read_bytes()
    assert entry.weights_sha256 == hashlib.sha256(weights).hexdigest()
    assert (entry.label, entry.weight) == (first.label, 0.5)
    assert entry.held_out_score == first.score
    assert entry.config_hash != member_entry(second, 0.5).config_hash  # another seed
    (file,) = file_entries([first.run.weights])
    assert (file.name, file.bytes) == ("weights.pt", len(weights))
    assert file.sha256 == entry.weights_sha256


def test_a_configurations_hash_depends_on_every_value():
    assert config_hash(load_config({})) == config_hash(load_config({"seed": 0}))
    assert config_hash(load_config({})) != config_hash(load_config({"seed": 1}))


def test_a_missing_or_broken_manifest(tmp_path):
    with pytest.raises(UserError, match="is missing"):
        Manifest.read(tmp_path)
    (tmp_path / "manifest.json").write_text('{"source": 1}')
    with pytest.raises(UserError, match="is not a manifest"):
        Manifest.read(tmp_path)
