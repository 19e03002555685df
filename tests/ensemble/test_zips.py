import zipfile

import pytest

from ensemble import naming, zips
from models.errors import UserError


def test_names_of_both_schemes():
    end = ".parquet.brotli"
    main = ["predictions_live_main" + end, "predictions_final_main" + end]
    ood = ["predictions_live_ood" + end, "predictions_final_ood" + end]
    apart = ["predictions_live_test_bonus_ood" + end, "predictions_final_test_bonus_ood" + end]
    assert naming.file_names("user") == main + ood
    assert naming.file_names("current") == main + apart
    tiers = ["live_test_main", "final_test_main", "live_test_bonus", "final_test_bonus"]
    assert [target.tier for target in naming.targets("user")] == tiers
    assert [target.tier for target in naming.targets("current")] == tiers
    assert [naming.tier_of(name) for name in apart] == tiers[2:]
    assert naming.schemes_of(main[0]) == ("user", "current")
    assert naming.schemes_of(apart[0]) == ("current",)
    assert naming.tier_of("predictions.parquet") is None
    assert naming.schemes_of("predictions.parquet") == ()


def fill(folder, scheme):
    for index, name in enumerate(naming.file_names(scheme)):
        (folder / name).write_bytes(bytes([index]) * 1000)


@pytest.mark.parametrize(("scheme", "counts"), [("user", [2, 2]), ("current", [2, 1, 1])])
def test_zips_hold_the_files_at_their_root_uncompressed(tmp_path, scheme, counts):
    fill(tmp_path, scheme)
    made = zips.write_zips(tmp_path, scheme)
    held = []
    for path in made:
        with zipfile.ZipFile(path) as archive:
            held.append(archive.namelist())
            for member in archive.infolist():
                assert member.compress_type == zipfile.ZIP_STORED
                assert archive.read(member) == (tmp_path / member.filename).read_bytes()
    assert [len(names) for names in held] == counts
    assert [name for names in held for name in names] == naming.file_names(scheme)


def test_a_zip_without_one_of_its_files_is_refused(tmp_path):
    fill(tmp_path, "user")
    (tmp_path / "predictions_final_ood.parquet.brotli").unlink()
    with pytest.raises(UserError, match="no predictions_final_ood"):
        zips.write_zips(tmp_path)
    assert not list(tmp_path.glob("*.zip"))
    (tmp_path / "predictions_live_ood.parquet.brotli").unlink()
    assert [path.name for path in zips.write_zips(tmp_path)] == ["predictions_main.zip"]


def test_a_zip_that_is_too_large_is_refused_before_any_is_written(tmp_path, monkeypatch):
    fill(tmp_path, "user")
    monkeypatch.setattr(zips, "LARGEST_UPLOAD", 2000)
    assert len(zips.write_zips(tmp_path)) == 2
    monkeypatch.setattr(zips, "LARGEST_UPLOAD", 1999)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.zip")}
    with pytest.raises(UserError, match="at most 1,999 bytes; found 2,000"):
        zips.write_zips(tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.zip")} == before


def test_no_submission_file_to_zip(tmp_path):
    with pytest.raises(UserError, match="holds no submission file"):
        zips.write_zips(tmp_path, "current")
