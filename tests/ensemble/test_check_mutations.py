"""A good file with one fault at a time: each is found, is named, and nothing else is."""

import numpy as np
import pytest

from ensemble.check import check_submission
from tests.ensemble.mutations import (
    UNSCORED,
    Good,
    cell,
    changed,
    column,
    compressed,
    constant_but_for_precision,
    damaged,
    half,
    indexed,
    kept,
    nothing,
    null,
    one_neuron,
    ordered,
    overwritten,
    presented,
    put,
    raw,
    remade,
    renamed,
    stranger,
    texts,
    twice,
    without,
)
from tests.ensemble.shifted_sessions import Known, make_jumping
from tests.ensemble.small_sessions import FIRST, LIVE_MAIN, SECOND, make_session


@pytest.fixture(scope="module")
def sessions(tmp_path_factory):
    data = tmp_path_factory.mktemp("jumping")
    return [*make_jumping(data), make_session(data / UNSCORED, range(1, 25))]


def checked(good, folder, sessions):
    return check_submission(good.write(folder), sessions, [FIRST, SECOND], answers=Known())


PROBLEMS = [
    # the file
    ("another name", renamed("mine.parquet.brotli"), ["file name", LIVE_MAIN, "found mine"]),
    ("a slip in the name", renamed(f"p{LIVE_MAIN}"), ["file name", f"perhaps {LIVE_MAIN} is"]),
    ("the oracle's name", renamed("predictions_oracle.parquet.brotli"), ["file name"]),
    ("another ending", renamed("predictions_live_main.parquet"), ["file name", "perhaps"]),
    ("cut in half", damaged(half), ["it is a whole Parquet file"]),
    ("cut to nothing", damaged(lambda _: b""), ["it is a whole Parquet file"]),
    ("a text", damaged(lambda _: b"mouse,trial\n" * 99), ["it is a whole Parquet file"]),
    ("damaged pages", damaged(overwritten), ["every page can be read"]),
    ("snappy", compressed("snappy"), ["compressed with Brotli", "found SNAPPY"]),
    ("gzip", compressed("gzip"), ["compressed with Brotli", "found GZIP"]),
    ("uncompressed", compressed(None), ["compressed with Brotli", "found UNCOMPRESSED"]),
    # columns
    ("no mouse", without("mouse"), ["columns", "found no mouse"]),
    ("no trials", without("trial_indices"), ["columns", "found no trial_indices"]),
    ("no predictions", without("prediction"), ["columns", "found no prediction"]),
    ("no neuron ids", without("neuron_ids"), ["columns", "found no neuron_ids"]),
    ("a column more", column("frames", lambda _: 1), ["columns", "found also frames"]),
    (
        "another order",
        ordered("trial_indices", "mouse", "prediction", "neuron_ids"),
        ["columns", "found the order trial_indices, mouse"],
    ),
    ("an index of pandas", indexed, ["columns", "found also __index_level_0__"]),
    # types
    ("mice are numbers", column("mouse", lambda _: 1), ["column mouse", "found int64"]),
    (
        "trials are fractions",
        column("trial_indices", lambda _: 0.5),
        ["column trial_indices", "found double"],
    ),
    (
        "predictions are flat",
        column("prediction", lambda _: [[1.0, 2.0]] * 6),
        ["column prediction", "found list<element: double>"],
    ),
    (
        "predictions are whole numbers",
        column("prediction", lambda _: [[[1, 2]]] * 6),
        ["column prediction", "int64>>"],
    ),
    (
        "neuron ids are texts",
        column("neuron_ids", lambda _: [["2"]] * 6),
        ["column neuron_ids", "element: string"],
    ),
    # mice
    (
        "a mouse of another hash",
        column("mouse", lambda table: table["mouse"].str.replace("1-Video-aaaa", "1-Video-aaab")),
        ["called as its session folder", f"perhaps {FIRST} is meant"],
    ),
    (
        "a mouse that is not scored",
        stranger,
        ["rows are of scored mice only", f"found {UNSCORED}, which is not scored"],
    ),
    ("a mouse is missing", kept([0, 1, 2]), [SECOND, "no row of this mouse, which has 3"]),
    ("no name of a mouse", cell("mouse", 1, None), ["no cell is null", "1 in mouse"]),
    # rows
    ("a row is missing", kept([0, 1, 2, 3, 5]), [SECOND, "found no row for 1 of 3: 3"]),
    ("two rows are missing", kept([0, 3, 4, 5]), [FIRST, "found no row for 2 of 3: 3, 7"]),
    ("a row comes twice", twice, ["a trial has one row", "the trial of row 1 again"]),
    ("another tier's trial", cell("trial_indices", 0, 4), ["found a final_test_main trial"]),
    ("a trial that is not there", cell("trial_indices", 0, 99), ["found no such file"]),
    ("a trial below 0", cell("trial_indices", 0, -1), ["found no such file"]),
    (
        "no trial",
        texts(lambda trial: None if trial == 2 else f"{trial}.npy"),
        ["1 in trial_indices in row 0"],
    ),
    ("trials as bare texts", texts(str), ["written as 1 or as '1.npy'", "found '2' in row 0"]),
    ("trials as other files", texts(lambda trial: f"{trial}.npz"), ["'1.npy'", "'2.npz'"]),
    ("presentation ids", presented([FIRST, SECOND]), ["ids of files", "trial_idx.npy"]),
    ("those of one mouse", presented([SECOND]), [SECOND, "ids of files", "trial_idx.npy"]),
    ("no row at all", nothing, ["a row for each trial", "found no row"]),
    # neurons
    (
        "ids in another order",
        cell("neuron_ids", 2, lambda ids: ids[::-1]),
        ["row 2", "unit_ids.npy, in its order", "the same ids in another order"],
    ),
    (
        "other ids",
        cell("neuron_ids", 2, lambda ids: [*ids[:-1], 999]),
        ["unit_ids.npy", "1 ids that are not in it"],
    ),
    ("too few ids", cell("neuron_ids", 2, lambda ids: ids[1:]), ["23 ids instead of 24"]),
    ("too few neurons", cell("prediction", 0, lambda rows: rows[1:]), ["23 instead of 24"]),
    ("no ids", cell("neuron_ids", 4, None), ["no cell is null", "1 in neuron_ids"]),
    ("a missing id", cell("neuron_ids", 4, null), ["no cell is null", "1 in neuron_ids"]),
    # frames
    (
        "a frame less",
        changed(lambda values: values[:, 1:], [0]),
        ["row 0", "248 instead of 249 or 250 of a trial of 300"],
    ),
    ("too many frames", changed(lambda _: np.ones((24, 300))), ["300 instead of 249"]),
    (
        "both conventions",
        changed(lambda values: np.pad(values, ((0, 0), (0, 1)), mode="edge"), [5]),
        [
            "frames",
            "either 249 or 250",
            "as with 249: 5, first row 0",
            "as with 250: 1, first row 5",
        ],
    ),
    ("a shorter neuron", cell("prediction", 3, lambda r: [*r[:-1], r[-1][1:]]), ["248 to 249"]),
    ("no prediction", cell("prediction", 1, None), ["no cell is null", "1 in prediction"]),
    ("a neuron of none", cell("prediction", 1, null), ["no cell is null", "1 in prediction"]),
    # values
    ("NaN", changed(put(np.nan), [1]), ["row 1", "finite", "1 values NaN, null or infinite"]),
    ("infinity", changed(put(np.inf), [4]), ["row 4", "finite"]),
    ("minus infinity", changed(put(-np.inf), [4]), ["row 4", "finite"]),
]
ALSO_MISSING = {
    *("a mouse of another hash", "no name of a mouse", "another tier's trial", "no trial"),
    *("a trial that is not there", "a trial below 0"),
    *("trials as bare texts", "trials as other files"),
}
"""Faults that leave trials without a row, which is told too."""

WARNINGS = [
    (
        "mice as categories",
        lambda good: setattr(good, "table", good.table.astype({"mouse": "category"})),
        ["column mouse", "dictionary"],
    ),
    (
        "trials of another width",
        lambda good: setattr(good, "table", good.table.astype({"trial_indices": "int16"})),
        ["column trial_indices", "found int16"],
    ),
    ("a negative value", changed(put(-0.5), [0]), ["never negative", "row 0", "found -0.5"]),
    ("a trial of zeros", changed(np.zeros_like, [3]), ["row 3", "found only zeros"]),
    ("a silent neuron", changed(one_neuron(0)), ["varies", "1 of 24 neurons at 0"]),
    ("a constant neuron", changed(one_neuron(0.25)), ["varies", "1 of 24", "at place 5"]),
    ("one but for the precision", constant_but_for_precision, ["varies", "at place 5"]),
    ("raw units", raw, ["multiplied by the response precision", "without its jumps"]),
    ("all comes a frame late", remade(late=1, precision_late=1), ["the frame after each"]),
    ("all comes a frame early", remade(late=-1, precision_late=-1), ["the frame before each"]),
    ("the next frame's precision", remade(precision_late=1), ["the frame after each"]),
    ("the last frame's precision", remade(precision_late=-1), ["the frame before each"]),
    ("predictions of the next frame", remade(late=1), ["responses of the frame after it"]),
    ("predictions of the last frame", remade(late=-1), ["responses of the frame before it"]),
]


def told(problems, words):
    return [problem for problem in problems if all(word in str(problem) for word in words)]


def test_the_good_file_is_good(sessions, tmp_path):
    report = checked(Good(sessions[:2]), tmp_path, sessions)
    assert (report.problems, report.warnings, report.rows) == ((), (), 6)


def test_there_are_mutations_enough():
    assert len(PROBLEMS) + len(WARNINGS) >= 40
    assert len({name for name, *_ in (*PROBLEMS, *WARNINGS)}) == len(PROBLEMS) + len(WARNINGS)


@pytest.mark.parametrize(("name", "mutate", "words"), PROBLEMS, ids=[p[0] for p in PROBLEMS])
def test_a_fault_is_found_and_named(name, mutate, words, sessions, tmp_path):
    good = Good(sessions[:2])
    mutate(good)
    report = checked(good, tmp_path, sessions)
    assert told(report.problems, words), [str(problem) for problem in report.problems]
    others = [p for p in report.problems if p not in told(report.problems, words)]
    rules = {problem.rule for problem in others}
    assert rules == ({"each live_test_main trial has a row"} if name in ALSO_MISSING else set())


@pytest.mark.parametrize(
    ("mutate", "words"), [w[1:] for w in WARNINGS], ids=[w[0] for w in WARNINGS]
)
def test_what_the_server_takes_silently_is_a_warning(mutate, words, sessions, tmp_path):
    good = Good(sessions[:2])
    mutate(good)
    report = checked(good, tmp_path, sessions)
    assert report.ok, [str(problem) for problem in report.problems]
    assert told(report.warnings, words), [str(warning) for warning in report.warnings]
