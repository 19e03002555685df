import json

import numpy as np
import pytest

from models.errors import RecordingError
from models.recordings import truth


@pytest.fixture
def folder(tmp_path):
    made = truth.truth_folder(tmp_path / "data")
    session = made / "mouse"
    truth.save_trials(
        session,
        {
            0: {"film": "natural/pool/3", "kind": None, "tier": "train"},
            7: {"film": "pink_noise/x/0", "kind": "pink_noise", "tier": "live_test_bonus"},
        },
    )
    truth.save_array(session, truth.RESPONSES, 7, np.arange(6, dtype=np.float32).reshape(2, 3))
    truth.save_array(session, truth.NOISE_FREE, 7, np.ones((2, 3), dtype=np.float32))
    (made / "recipe.json").write_text("{}")
    return made


def test_what_was_saved_is_read(folder):
    read = truth.Truth(folder)
    np.testing.assert_array_equal(read.responses("mouse", 7), [[0, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(read.noise_free("mouse", 7), np.ones((2, 3)))
    assert read.responses("mouse", 7).dtype == np.float32
    assert read.kind("mouse", 7) == "pink_noise"
    assert read.video_id("mouse", 0) == "natural/pool/3"


def test_what_does_not_apply_is_none(folder):
    read = truth.Truth(folder)
    assert read.kind("mouse", 0) is None
    assert read.responses("mouse", 0) is None
    assert read.noise_free("mouse", 0) is None
    assert read.kind("mouse", 99) is None
    assert read.video_id("another mouse", 7) is None
    assert read.responses("another mouse", 7) is None


def test_a_missing_folder_says_how_to_get_one(tmp_path):
    with pytest.raises(RecordingError, match="holds no truth") as caught:
        truth.Truth(tmp_path / "data.truth")
    assert "python -m models synth" in caught.value.remedy


def test_a_damaged_table_is_named(folder):
    (folder / "mouse/trials.json").write_text('{"0": ')
    with pytest.raises(RecordingError, match=r"trials\.json"):
        truth.Truth(folder).kind("mouse", 0)


def test_a_damaged_array_is_named(folder):
    (folder / "mouse/responses/7.npy").write_bytes(b"short")
    with pytest.raises(RecordingError, match=r"7\.npy"):
        truth.Truth(folder).responses("mouse", 7)


def test_the_truth_lies_beside_the_data_also_behind_a_link(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk/data").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "disk/data")
    beside = (tmp_path / "disk/data.truth").resolve()
    assert truth.truth_folder(tmp_path / "link") == beside
    assert truth.truth_folder(tmp_path / "disk/../disk/data") == beside


def test_the_table_is_plain_json(folder):
    table = json.loads((folder / "mouse/trials.json").read_text())
    assert table["7"] == {"film": "pink_noise/x/0", "kind": "pink_noise", "tier": "live_test_bonus"}
