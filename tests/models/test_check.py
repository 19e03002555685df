"""What `python -m models check` finds in one broken place after the other, and in several."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from models.errors import RecordingError
from models.recordings.check import check_data_set, report_table
from models.recordings.layout import KINDS
from tests.models.broken_sessions import (
    FRAMES,
    NAME,
    NEURONS,
    Trap,
    a_folder,
    cut_short,
    lose,
    make_session,
    renamed,
    replacing_by,
    rewriting,
    save,
    setting,
)

OBJECTS = np.array([Trap(), "train"], dtype=object)
BEHIND = (..., slice(50, None))
TIERS, IDS = "meta/trials/tiers.npy", "meta/neurons/unit_ids.npy"
PLACES, STD = "meta/neurons/cell_motor_coordinates.npy", "meta/statistics/responses/all/std.npy"

ARRAYS = [
    # shapes
    ("data/videos/1.npy", rewriting(lambda a: a[:18]), "36 high, 64 wide", "(18, 64, 60)"),
    (
        "data/videos/1.npy",
        rewriting(lambda a: a.transpose(2, 0, 1)),
        "last in time",
        "(60, 36, 64)",
    ),
    ("data/videos/1.npy", rewriting(lambda a: a[..., None]), "36 high", "(36, 64, 60, 1)"),
    ("data/behavior/1.npy", rewriting(lambda a: a[:1]), "two rows", "(1, 60)"),
    ("data/responses/1.npy", rewriting(lambda a: a[:4]), "every neuron", "(4, 60) for 5 neurons"),
    ("data/responses/4.npy", rewriting(lambda a: a[:4]), "every neuron", "(4, 60) for 5 neurons"),
    (
        "data/pupil_center/7.npy",
        rewriting(lambda a: a[:, :50]),
        "trial's video",
        "50, the video 60",
    ),
    # values
    ("data/videos/2.npy", setting(np.nan, (3, 4, 20)), "before the NaN", "1 of 55 frames"),
    ("data/responses/1.npy", setting(np.nan, 2), "before the NaN", "54 of 54 frames"),
    ("data/behavior/1.npy", setting(np.nan, (0, 5)), "before the NaN", "the first of them 5"),
    ("data/pupil_center/1.npy", setting(np.nan, (0, 53)), "before the NaN", "1 of 54 frames"),
    ("data/responses/0.npy", setting(np.inf, (1, 1)), "infinite", "inf"),
    ("data/videos/2.npy", setting(256, (3, 4, 20)), "0 to 255", "to 256"),
    ("data/videos/2.npy", setting(-1, (3, 4, 20)), "0 to 255", "-1 to"),
    ("data/pupil_center/0.npy", setting(np.nan), "at least one frame", "60 frames of NaN"),
    ("data/pupil_center/0.npy", rewriting(lambda a: a[:, :0]), "at least one frame", "no frame"),
    # ends
    ("data/responses/0.npy", setting(np.nan, BEHIND), "same frame", "50 valid frames, others 55"),
    ("data/behavior/0.npy", setting(np.nan, BEHIND), "same frame", "50 valid frames, others 55"),
    ("data/behavior/0.npy", rewriting(lambda a: np.nan_to_num(a).astype(int)), "same frame", "60"),
    ("data/responses/4.npy", setting(np.nan, BEHIND), "zero in every frame", "from frame 50"),
]

PROBLEMS = [
    # arrays that cannot be read
    ("data/videos/0.npy", cut_short, "whole, readable", "mmap length"),
    ("data/behavior/1.npy", replacing_by(b""), "whole, readable", "cut short"),
    ("data/behavior/1.npy", replacing_by(b"\x93NUMPY"), "whole, readable", "EOF"),
    ("data/behavior/1.npy", replacing_by(b"PK\x03\x04 cut"), "whole, readable", "magic"),
    ("data/behavior/1.npy", a_folder, "whole, readable", "directory"),
    ("data/pupil_center/0.npy", replacing_by(OBJECTS), "not pickled", "objects"),
    ("data/responses/0.npy", rewriting(lambda a: a.astype(complex)), "numbers", "complex128"),
    ("data/behavior/0.npy", rewriting(lambda a: a > 0), "numbers", "bool"),
    # trials that are not all there
    ("data/behavior/3.npy", lose, "must exist", "no such file"),
    ("data/pupil_center/3.npy", lose, "must exist", "no such file"),
    ("data/videos/3.npy", lose, "must exist", "no such file"),
    *ARRAYS,
    # names
    ("data/behavior/3.npy", renamed("03.npy"), "plain number", "03.npy"),
    # tiers
    (TIERS, lose, "must exist", "no such file"),
    (TIERS, rewriting(lambda a: a.astype("S")), "unicode", "bytes"),
    (TIERS, rewriting(lambda a: np.arange(len(a))), "unicode", "int64"),
    (TIERS, replacing_by(OBJECTS), "not pickled", "objects"),
    (TIERS, setting("trian", 0), "no other tiers", "'trian' for trial 0"),
    (TIERS, rewriting(lambda a: a[:-1]), "every trial number", "8 entries, but a trial 8"),
    (TIERS, setting("oracle", slice(0, 3)), "tier train", "none"),
    (TIERS, setting("live_test_main", 5), "a submission needs them", "trial 5"),
    # neurons
    (IDS, lose, "must exist", "no such file"),
    (IDS, setting(-4, 2), "negative", "-4"),
    (IDS, setting(3, 2), "of its own", "more than once: 3"),
    (IDS, rewriting(lambda a: a + 0.5), "whole numbers", "2.5, 3.5, 7.5"),
    (IDS, rewriting(lambda a: np.append(a, 99)), None, "for 6 neurons"),
    (IDS, rewriting(lambda a: a[:, None]), "one row of ids", "(5, 1)"),
    (PLACES, rewriting(lambda a: a[:4]), "every neuron", "(4, 3) for 5 unit ids"),
    (PLACES, rewriting(lambda a: np.where(a == a[0], np.nan, a)), "position", "5 neurons"),
    # statistics
    (STD, lose, "must exist", "no such file"),
    (STD, rewriting(lambda a: a[:4]), "shape of the data", "(4, 60) beside 5 neurons"),
    (STD, rewriting(lambda a: a[:, :30]), "shape of the data", "(5, 30)"),
    (STD, setting(np.nan), "not all may be NaN", "NaN only"),
    (STD, setting(0), "above zero somewhere", "zeros only"),
    (STD, setting(-1, 0), "not be negative", "-1"),
    (STD, setting(np.inf, (0, 0)), "infinite", "1 of them"),
    (STD, setting(np.nan, (1, 30)), "every frame", "for 1 neurons, from frame 30"),
    ("meta/statistics/videos/all/mean.npy", lose, "must exist", "no such file"),
    ("meta/statistics/behavior/all/std.npy", setting(0), "above zero somewhere", "zeros only"),
    ("meta/statistics/responses/all/max.npy", rewriting(lambda a: a[:4]), "shape", "(4, 60)"),
]


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    return make_session(tmp_path_factory.mktemp("sound") / NAME)


@pytest.fixture
def session(original, tmp_path):
    """A sound session to break; its data set is its parent."""
    return Path(shutil.copytree(original, tmp_path / "data" / NAME))


def test_allowed_irregularities_are_neither_problems_nor_warnings(original):
    report = check_data_set(original.parent)
    assert report.ok
    assert report.warnings == []
    assert report.remedy == ""
    (seen,) = report.sessions
    assert (seen.name, seen.neurons, seen.frames, seen.videos) == (NAME, NEURONS, FRAMES, 8)
    assert seen.lengths == {53: 1, 54: 1, 55: 5, 60: 1}
    assert seen.tiers["train"] == 3
    assert seen.tiers["none"] == 1
    known = {"train": 2, "oracle": 1, "final_test_main": 1, "live_test_bonus": 1}
    assert seen.known == known
    assert seen.responses == 5
    assert seen.types["videos"] == ("float16", "float32", "float64", "uint8")
    assert seen.kind == "other"


@pytest.mark.parametrize(("file", "breaker", "rule", "found"), PROBLEMS)
def test_a_broken_file_is_named_with_rule_and_value(session, file, breaker, rule, found):
    breaker(session / file)
    report = check_data_set(session.parent)
    assert not report.ok
    assert report.remedy
    told = [p for p in report.problems if (rule or "") in p.rule and found in p.found]
    assert told, [str(problem) for problem in report.problems]
    if rule is not None:  # None is for what other files break in turn
        assert told[0].where.startswith(str(session / Path(file).parent))


@pytest.mark.parametrize(("file", "breaker", "rule", "found"), ARRAYS)
def test_one_broken_array_is_one_problem(session, file, breaker, rule, found):
    del rule, found
    breaker(session / file)
    report = check_data_set(session.parent)
    assert [p.where for p in report.problems] == [str(session / file)]


WARNINGS = [
    ("config.json", lose, "links", "no such file"),
    ("config.json", replacing_by(b"{"), "links", "Expecting"),
    ("data/videos/.DS_Store", replacing_by(b""), "nothing but", ".DS_Store"),
    ("data/responses/notes.txt", replacing_by(b""), "nothing but", "notes.txt"),
    ("data/behavior/mean.npy", replacing_by(np.zeros(3)), "nothing but", "mean.npy"),
    ("data/responses/0.npy", setting(-0.5, (1, 1)), "below zero", "-0.5"),
    ("data/responses/0.npy", setting(0, (..., slice(0, 55))), "zero for all", "zeros only"),
    (TIERS, setting("train", 5), "should say none", "trial 5"),
    ("meta/trials/trial_idx.npy", replacing_by(np.arange(3)), "one entry", "(3,)"),
    (STD, setting(0, 2), "never varies", "1 of 5 neurons"),
]


@pytest.mark.parametrize(("file", "breaker", "rule", "found"), WARNINGS)
def test_what_is_unusual_is_a_warning(session, file, breaker, rule, found):
    breaker(session / file)
    report = check_data_set(session.parent)
    assert report.ok, report.problems
    (warning,) = report.warnings
    assert warning.where == str(session / file)
    assert rule in warning.rule
    assert found in warning.found


def test_a_tiny_value_below_zero_is_left_by_deconvolution(session):
    setting(-3e-7, (1, 1))(session / "data/responses/0.npy")
    assert check_data_set(session).warnings == []


def test_videos_scaled_to_one_are_a_warning(session):
    for path in (session / "data/videos").iterdir():
        save(path, np.load(path) / 255)
    report = check_data_set(session)
    assert report.ok
    assert "fractions" in report.warnings[0].rule


def test_test_trials_without_a_scored_frame_are_a_warning(session):
    for kind in KINDS[:1] + KINDS[2:]:
        setting(np.nan, (..., slice(51, None)))(session / f"data/{kind}/4.npy")
    report = check_data_set(session)
    assert report.ok, report.problems
    assert [w.found for w in report.warnings] == ["51"]


def test_a_video_of_another_length_stands_out_among_the_sessions_videos(session):
    for kind in KINDS[:1] + KINDS[2:]:
        rewriting(lambda a: a[..., :58])(session / f"data/{kind}/2.npy")
    (problem,) = check_data_set(session).problems
    assert problem.where.endswith("data/videos/2.npy")
    assert problem.found == "58, others 60"


def test_without_any_responses_to_train_on(session):
    for trial in (0, 1):
        lose(session / f"data/responses/{trial}.npy")
    (problem,) = check_data_set(session).problems
    assert "at least one trial of the train tier" in problem.rule


def test_a_train_tier_of_zeros_holds_no_responses_to_train_on(session):
    for trial in (0, 1):
        setting(0, (..., slice(0, 50)))(session / f"data/responses/{trial}.npy")
    assert check_data_set(session).ok
    for trial in (0, 1):
        rewriting(lambda a: a * 0)(session / f"data/responses/{trial}.npy")
    (problem,) = check_data_set(session).problems
    assert "at least one trial of the train tier" in problem.rule


def test_zeros_may_stand_for_responses_where_no_tier_is_known(session):
    lose(session / TIERS)
    (problem,) = check_data_set(session).problems
    assert problem.where == str(session / TIERS)


def test_equal_problems_are_one_line_with_their_number(session):
    for trial in (1, 3, 4, 6):
        rewriting(lambda a: a[:3])(session / f"data/responses/{trial}.npy")
    (problem,) = check_data_set(session).problems
    assert problem.where == f"{session / 'data/responses/1.npy'} and 3 more there"
    assert problem.found == "shape (3, 60) for 5 neurons in the first"


def test_everything_is_told_at_once_for_every_session(session):
    other = Path(shutil.copytree(session, session.with_name("dynamic9-9-9-Video-abcd")))
    cut_short(session / "data/videos/0.npy")
    setting("trian", 0)(session / TIERS)
    setting(3, 2)(other / IDS)
    shutil.rmtree(other / "data/pupil_center")
    report = check_data_set(session.parent)
    assert [len(s.problems) for s in report.sessions] == [2, 2]
    assert len({p.where for p in report.problems}) == 4
    assert len(report.remedy.splitlines()) == 3


@pytest.mark.parametrize("part", ["data", "meta", "data/videos", "data/responses", "meta/trials"])
def test_a_half_unpacked_session_is_reported(session, part):
    shutil.rmtree(session / part)
    report = check_data_set(session.parent)
    assert not report.ok
    assert any(problem.where.startswith(str(session / part)) for problem in report.problems)
    report_table(report)


def test_an_empty_folder_of_videos_holds_no_trial(session):
    for kind in KINDS:
        for path in (session / "data" / kind).iterdir():
            path.unlink()
    rules = [problem.rule for problem in check_data_set(session).problems]
    assert rules == ["must hold the video of at least one trial"]


def test_folders_that_hold_no_recording(tmp_path):
    (tmp_path / "photos").mkdir()
    with pytest.raises(RecordingError, match="holds no recording"):
        check_data_set(tmp_path)
    with pytest.raises(RecordingError, match="there is no folder"):
        check_data_set(tmp_path / "nothing")


def test_other_folders_beside_the_sessions_are_passed_over_with_a_warning(session):
    (session.parent / "photos").mkdir()
    (session.parent / ".cache").mkdir()
    report = check_data_set(session.parent)
    assert report.ok
    assert [warning.where for warning in report.warnings] == [str(session.parent / "photos")]
