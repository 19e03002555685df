import pytest

from ensemble import preflight
from ensemble.submission import write_submission
from models.errors import ProblemsFound, StorageError, UserError
from models.recordings.layout import BONUS_TIERS, MAIN_TIERS
from tests.ensemble.small_sessions import TIERS, make_session, right_rows


def test_values_are_those_of_the_files(sessions, tmp_path):
    for tier in ("live_test_main", "live_test_bonus"):
        for frames in (249, 250):
            rows = right_rows(sessions, tier, frames)
            written = write_submission(tmp_path / "file", rows)
            assert preflight.values(sessions, tier, frames) == written.values


def test_zips_that_would_be_too_large_are_all_named(sessions, monkeypatch):
    preflight.check_sizes(sessions, "user", "float64")
    monkeypatch.setattr(preflight, "LARGEST_UPLOAD", 1)
    with pytest.raises(ProblemsFound) as caught:
        preflight.check_sizes(sessions, "current", "float32")
    assert len(caught.value.problems) == 3
    assert "--mantissa-bits 10" in caught.value.remedy


def test_a_zips_size_is_that_of_all_its_files(sessions, monkeypatch):
    values = sum(preflight.values(sessions, tier) for tier in BONUS_TIERS)
    monkeypatch.setattr(preflight, "LARGEST_UPLOAD", int(3.9 * values) - 1)
    with pytest.raises(ProblemsFound, match=f"predictions_ood.zip: .* {3.9 * values:,.0f}"):
        preflight.check_sizes(sessions, "user", "float64")


def test_a_file_as_large_as_allowed_passes(sessions, monkeypatch):
    tiers = (MAIN_TIERS, BONUS_TIERS)
    most = max(sum(preflight.values(sessions, tier) for tier in both) for both in tiers)
    monkeypatch.setattr(preflight, "LARGEST_UPLOAD", int(4.3 * most) + 1)
    preflight.check_sizes(sessions, "user", "float32")


def test_a_file_without_trials_is_named(tmp_path):
    tiers = ["none" if tier == "final_test_bonus" else tier for tier in TIERS]
    session = make_session(tmp_path / "mouse", [1, 2], tiers=tiers)
    with pytest.raises(ProblemsFound, match=r"predictions_final_ood.*final_test_bonus; found none"):
        preflight.check_tiers([session], "user")
    preflight.check_tiers([make_session(tmp_path / "other", [1, 2])], "user")


def test_the_folder_for_files(tmp_path):
    preflight.check_out(tmp_path)
    preflight.check_out(tmp_path / "new")
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="is a file"):
        preflight.check_out(tmp_path / "file")


def test_a_folder_takes_one_build_at_a_time(tmp_path):
    out = tmp_path / "new/out"
    with preflight.alone_in(out):
        with pytest.raises(UserError, match=f"another build writes into {out} at this moment"):
            preflight.check_out(out)
        with pytest.raises(UserError, match="another build"), preflight.alone_in(out):
            pass
    preflight.check_out(out)
    assert not [*out.iterdir()], "nor does a lock stay"


def test_a_lock_that_a_killed_build_has_left_is_none(tmp_path):
    (tmp_path / preflight.LOCK).touch()
    preflight.check_out(tmp_path)


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").touch()
    refused = pytest.raises(StorageError, match="cannot write")
    with refused, preflight.alone_in(tmp_path / "file/out"):
        pass
