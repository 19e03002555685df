import json
import shutil

import pytest

from models import runs, versions
from models.errors import ConfigurationError, RunError
from models.runs import RunFolder, Status
from tests.models.tiny import config_of


@pytest.fixture
def run(complete, tmp_path):
    """A complete run that may be changed."""
    return RunFolder(shutil.copytree(complete, tmp_path / "run"))


def record_of(path):
    mice = [runs.MouseRecord(name="mouse", unit_ids=[2, 5])]
    return runs.new_record(config_of("dwiseneuro"), mice, (9, 16), path, "abc")


def test_a_record_comes_back(tmp_path):
    folder, record = RunFolder(tmp_path / "run"), record_of(tmp_path)
    assert not folder.exists
    folder.create(record)
    assert folder.exists
    assert folder.record() == record
    assert folder.status() is None
    assert folder.metrics() == []


def test_a_taken_folder_is_refused(run):
    before = (run.path / "config.json").read_bytes()
    with pytest.raises(RunError, match="already holds a run"):
        run.create(record_of(run.path))
    assert (run.path / "config.json").read_bytes() == before


def test_a_status_and_metrics_come_back_and_are_replaced(tmp_path):
    folder = RunFolder(tmp_path / "run")
    failed = Status(state="failed", epoch=1, epochs=3, reason="out of memory")
    for status in (failed, Status(state="complete", epoch=3, epochs=3, score=0.25)):
        folder.end(status)
        assert folder.status() == status
    assert failed.score is None
    for count in (1, 2):
        lines = [{"epoch": epoch, runs.SCORE: 0.1 * epoch} for epoch in range(count)]
        folder.write_metrics(lines)
        assert folder.metrics() == lines


@pytest.mark.parametrize("name", ["none", "a file"])
def test_a_folder_without_a_run(tmp_path, name):
    (tmp_path / "a file").write_text("")
    with pytest.raises(RunError, match=r"holds no run: config\.json is missing") as caught:
        RunFolder(tmp_path / name).record()
    assert str(tmp_path / name) in caught.value.message
    assert "models train" in caught.value.remedy


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not JSON"),
        ("[1]", "holds one list"),
        ("{}", "config: Field required"),
        ('{"config": {"trainig": 1}}', "did you mean training"),
        ('{"config": 3}', "the whole"),
    ],
)
def test_a_damaged_record_is_named(run, content, message):
    (run.path / "config.json").write_text(content)
    with pytest.raises((RunError, ConfigurationError), match=message) as caught:
        run.record()
    assert f"{run.path}/config.json" in caught.value.message


def test_a_record_and_a_status_of_another_version(run):
    content = json.loads((run.path / "config.json").read_text())
    content["mice"][0]["unit_ids"] = ["first"]
    (run.path / "config.json").write_text(json.dumps(content))
    with pytest.raises(RunError, match=r"mice\.0\.unit_ids\.0"):
        run.record()
    (run.path / "status.json").write_text('{"state": "sleeping", "epoch": 1, "epochs": 2}')
    with pytest.raises(RunError, match=r"status\.json: state"):
        run.status()


def test_searches_are_found_by_name(tmp_path):
    with pytest.raises(RunError, match=r"no search is called 'aug06'.*there is none yet"):
        runs.search_folder(tmp_path, "aug06")
    for name in ("aug07", "aug05", "aug06"):
        (tmp_path / name).mkdir()
    for name in ("aug07", "aug05"):
        (tmp_path / name / "search.json").write_text("{}")
    assert runs.search_folder(tmp_path, "aug05") == tmp_path / "aug05"
    with pytest.raises(RunError, match="known here: aug05, aug07"):
        runs.search_folder(tmp_path, "aug06")


def test_runs_of_a_search_are_in_the_order_of_their_numbers(tmp_path):
    for name in ("10", "9", "0", "empty", "3x"):
        (tmp_path / "runs" / name).mkdir(parents=True)
    for name in ("10", "9", "3x"):
        RunFolder(tmp_path / "runs" / name).create(record_of(tmp_path))
    assert [run.path.name for run in runs.runs_of_search(tmp_path)] == ["9", "10"]
    assert runs.runs_of_search(tmp_path / "none") == []


def test_the_home_is_given_or_of_the_environment_or_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(runs.HOME_VARIABLE, str(tmp_path / "env"))
    assert runs.home_folder(tmp_path / "given") == tmp_path / "given"
    assert runs.home_folder() == tmp_path / "env"
    monkeypatch.delenv(runs.HOME_VARIABLE)
    assert runs.home_folder() == tmp_path / "searches"


def test_code_and_packages_have_versions(monkeypatch):
    for cached in (versions.package_versions, versions.code_version):
        monkeypatch.setattr(versions, cached.__name__, cached.__wrapped__)
    found = versions.package_versions()
    assert found.keys() <= set(versions.PACKAGES)
    assert {"torch", "numpy"} <= found.keys()
    monkeypatch.setattr(versions, "PACKAGES", ("torch", "no-such-package"))
    assert versions.package_versions() == {"torch": found["torch"]}
    monkeypatch.setenv("PATH", "")
    assert versions.code_version() == "unknown"
