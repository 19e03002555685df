"""What `python -m models check` says of sound recordings, and that no file upsets it."""

import contextlib
import io
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from models.recordings.check import check_data_set, report_table
from models.recordings.checks.arrays import open_array
from models.recordings.checks.contents import NO_GAPS, SOME_FRAMES, look_at
from models.recordings.checks.findings import Findings
from models.recordings.data_set import open_sessions
from models.recordings.layout import KINDS, NEW_HASH, OLD_HASH, valid_frames
from models.recordings.synthetic import Recipe, write_data_set
from tests.models.broken_sessions import NAME, make_session
from tests.shared_files import shared


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    out = tmp_path_factory.mktemp("generated") / "data"
    write_data_set(out, Recipe(2, neurons=4, train_trials=8, videos=1, repeats=1, old_mice=1))
    return out


def printed(report):
    text = io.StringIO()
    Console(file=text, width=80, soft_wrap=True).print(report_table(report))
    return text.getvalue()


def test_generated_recordings_are_sound(generated):
    report = check_data_set(generated)
    assert report.ok, report.problems
    assert report.warnings == []
    for seen, session in zip(report.sessions, open_sessions(generated), strict=True):
        known = [trial for trial in session.tiers if session.has_responses(trial)]
        assert seen.responses == len(known) > 0
        lengths = [session.length(trial) for trial in session.tiers]
        assert seen.lengths == {n: lengths.count(n) for n in sorted(set(lengths))}
        assert seen.tiers["train"] == len(session.trials("train"))


def test_the_table_shows_mice_neurons_and_trials_of_every_tier(generated):
    text = printed(check_data_set(generated))
    heading, *_ = (line for line in text.splitlines() if "mouse" in line)
    columns = heading.split()
    assert columns[:6] == ["mouse", "neurons", "T", "trials", "train", "oracle"]
    rows = [line.split() for line in text.splitlines() if line.strip().startswith("dynamic")]
    old, new = sorted(rows, key=lambda row: "3*" in row or "1*" in row)
    assert new[columns.index("live_test_main")] == "1*"
    assert new[columns.index("oracle")] == "1"
    assert old[-1] != "0"  # the gaps of an old mouse
    assert "withheld" in text


def test_the_real_recording_is_sound():
    report = check_data_set(shared("recordings"))
    assert report.ok, report.problems
    (seen,) = report.sessions
    assert (seen.neurons, seen.frames, seen.videos, seen.lengths) == (56, 270, 42, {270: 42})
    tiers = {"train": 26, "oracle": 4, "live_test_main": 3, "live_test_bonus": 3}
    assert seen.tiers == {**tiers, "final_test_main": 3, "final_test_bonus": 3}
    assert seen.known == {"train": 26, "oracle": 4}


def test_one_session_is_a_data_set_too(tmp_path, monkeypatch):
    session = make_session(tmp_path / NAME)
    monkeypatch.chdir(session)
    assert [s.name for s in check_data_set(Path()).sessions] == [NAME]


def test_progress_counts_the_trials_of_all_sessions(tmp_path):
    session = make_session(tmp_path / "a-session")
    shutil.copytree(session, tmp_path / "b-session")
    (session / "data/videos/0.npy").write_bytes(b"")
    calls = []
    check_data_set(tmp_path, lambda *call: calls.append(call))
    first = [("a-session", n, 16) for n in range(1, 9)]
    assert calls == first + [("b-session", n, 16) for n in range(9, 17)]


@pytest.mark.parametrize(("ending", "ok", "warnings"), [(OLD_HASH, True, 1), (NEW_HASH, False, 1)])
def test_a_lost_test_trial_matters_where_it_is_to_be_predicted(tmp_path, ending, ok, warnings):
    session = make_session(tmp_path / f"dynamic1-2-3-Video-{ending}")
    for kind in KINDS:
        (session / f"data/{kind}/4.npy").unlink()
    report = check_data_set(session)
    assert report.ok is ok
    assert len(report.warnings) == warnings  # the new mouse lacks the responses of a train trial
    assert report.sessions[0].kind == ("old" if ending == OLD_HASH else "new")


def test_an_unreadable_session_has_a_question_mark_for_its_neurons(tmp_path):
    session = make_session(tmp_path / NAME)
    shutil.rmtree(session / "meta")
    shutil.rmtree(session / "data/responses")
    shutil.rmtree(session / "data/videos")
    assert printed(check_data_set(session)).split()[-4:] == [NAME, "?", "?", "0"]


def test_unknown_tiers_are_not_zero_trials(generated, tmp_path):
    data = shutil.copytree(generated, tmp_path / "data")
    (min(data.iterdir()) / "meta/trials/tiers.npy").unlink()
    text = printed(check_data_set(data))
    (broken,) = (line.split() for line in text.splitlines() if min(data.iterdir()).name in line)
    assert set(broken[4:]) == {"?"}


@contextlib.contextmanager
def as_nobody():
    """The rights of an ordinary user: those of the superuser know no bounds."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


@pytest.mark.parametrize("part", ["", "data/videos", "meta/neurons", "meta/statistics", "data"])
def test_missing_rights_are_reported(part):
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        session = make_session(Path(folder) / NAME)
        (session / "data/behavior/0.npy").chmod(0)
        locked = session / part
        locked.chmod(0)
        with as_nobody():
            report = check_data_set(Path(folder))
        locked.chmod(0o755)
    assert not report.ok
    assert any("ermission" in problem.found for problem in report.problems)
    assert "chmod" in report.remedy


NUMBERS = np.arange(40, dtype=np.float32).reshape(2, 20)


@given(st.data())
@settings(max_examples=300)
def test_no_bytes_in_a_file_upset_the_check(data):
    buffer = io.BytesIO()
    np.save(buffer, NUMBERS)
    content = bytearray(buffer.getvalue())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, 127))] = data.draw(st.integers(0, 255))
    with tempfile.TemporaryDirectory() as folder:
        path, findings = Path(folder) / "0.npy", Findings()
        path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
        array = open_array(path, findings)
        assert (array is None) == bool(findings.problems())


@given(st.lists(st.booleans(), min_size=1, max_size=30), st.booleans())
def test_nan_is_a_problem_only_before_the_end(missing, in_both_rows):
    array = np.ones((2, len(missing)), dtype=np.float32)
    array[0 if not in_both_rows else slice(None), missing] = np.nan
    with tempfile.TemporaryDirectory() as folder:
        path, findings = Path(folder) / "0.npy", Findings()
        np.save(path, array)
        contents = look_at("behavior", path, None, findings)
    end = valid_frames(array)
    assert contents.end == end
    rules = {problem.rule for problem in findings.problems()}
    assert (NO_GAPS in rules) == bool(np.isnan(array[:, :end]).any())
    assert (SOME_FRAMES in rules) == (end == 0)
