import zipfile
from dataclasses import replace
from itertools import chain

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ensemble.check import check_submission
from ensemble.checks import archive, file
from ensemble.checks.neurons import looks_unscaled
from ensemble.naming import targets
from ensemble.submission import write_submission
from ensemble.zips import write_zips
from models.errors import StorageError, UserError
from models.recordings.layout import NEW_HASH
from tests.ensemble.small_sessions import (
    LIVE_MAIN,
    make_session,
    make_sessions,
    right_rows,
    write_right,
)
from tests.shared_files import shared

FIRST, SECOND = "dynamic1-1-1-Video-aaaa", "dynamic2-1-1-Video-aaaa"


@pytest.fixture(scope="module")
def sessions(tmp_path_factory):
    return make_sessions(tmp_path_factory.mktemp("data"))


@pytest.fixture
def rows(sessions):
    """Those of a right submission: three trials of each mouse, the second with 324 frames."""
    return right_rows(sessions)


@pytest.fixture
def verdict(tmp_path, sessions):
    """Write rows under the right name and check them."""

    def check(rows, **options):
        write_submission(tmp_path / LIVE_MAIN, rows, **options)
        return check_submission(tmp_path / LIVE_MAIN, sessions)

    return check


@pytest.fixture
def table_verdict(tmp_path, sessions):
    """Write a table as pandas does, faults and all, and check it."""

    def check(table, name=LIVE_MAIN, **options):
        options = {"compression": "brotli", "index": False} | options
        table.to_parquet(tmp_path / name, engine="pyarrow", **options)
        return check_submission(tmp_path / name, sessions)

    return check


def table_of(rows):
    columns = {
        "mouse": [r.mouse for r in rows],
        "trial_indices": [r.trial for r in rows],
        "prediction": [r.prediction.tolist() for r in rows],
        "neuron_ids": [r.neuron_ids.tolist() for r in rows],
    }
    return pd.DataFrame(columns)


def only(problems):
    (problem,) = problems
    return problem


@pytest.mark.parametrize("form", ["int", "file"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_right_file_is_right(verdict, rows, form, dtype):
    report = verdict(rows, trial_indices=form, dtype=dtype)
    assert (report.problems, report.warnings, report.ok) == ((), (), True)
    assert (report.tier, report.rows, report.mice) == ("live_test_main", 6, (FIRST, SECOND))
    assert (report.frames, report.trial_form) == (249, form)
    assert report.values == sum(r.prediction.size for r in rows)
    assert report.bytes == report.path.stat().st_size
    assert report.schemes == ("user", "current")


def test_files_of_every_tier_and_name_are_right(tmp_path, sessions):
    for scheme in ("user", "current"):
        for target in targets(scheme):
            path = write_right(tmp_path, sessions, target.file, target.tier)
            report = check_submission(path, sessions, scheme=scheme)
            assert (report.problems, report.warnings) == ((), ())
            assert report.tier == target.tier
            assert report.frames == 249


def test_a_file_written_by_pandas_is_right(table_verdict, rows):
    report = table_verdict(table_of(rows))
    assert (report.problems, report.warnings) == ((), ())


def test_today_s_250_frames_are_right(verdict, sessions):
    report = verdict(right_rows(sessions, longest=250))
    assert (report.problems, report.frames) == ((), 250)


def test_the_data_may_be_given_as_a_folder(tmp_path):
    path = write_right(tmp_path, make_sessions(tmp_path / "data"))
    assert check_submission(path, tmp_path / "data").ok


def test_only_the_new_mice_are_scored_unless_told_otherwise(tmp_path):
    new = make_session(tmp_path / f"dynamic3-1-1-Video-{NEW_HASH}", [4, 8])
    sessions = [*make_sessions(tmp_path), new]
    path = write_right(tmp_path, [new])
    assert check_submission(path, sessions).mice == (new.name,)
    assert check_submission(path, sessions).ok
    assert [p.where for p in check_submission(path, sessions, [FIRST, new.name]).problems] == [
        FIRST
    ]
    report = check_submission(path, sessions, [FIRST, SECOND])
    assert [p.where for p in report.problems] == [FIRST, SECOND, "3 rows"]
    assert "scored mice only" in report.problems[2].rule
    assert f"{new.name}, which is not scored" in report.problems[2].found
    assert report.mice == ()


def test_an_unknown_scored_mouse_is_a_users_mistake(tmp_path, sessions):
    path = write_right(tmp_path, sessions)
    with pytest.raises(UserError, match=f"nearest {FIRST}"):
        check_submission(path, sessions, ["dynamic1-1-1-Video-aaab"])
    with pytest.raises(UserError, match="there is no file"):
        check_submission(tmp_path / "absent", sessions)


def test_the_golden_file_is_right_for_its_own_mice(tmp_path):
    table = pd.read_parquet(shared(f"golden/{LIVE_MAIN}"))
    data = tmp_path / "data"
    for mouse, its in table.groupby("mouse"):
        tiers = np.full(its["trial_indices"].max() + 1, "train", dtype="<U20")
        tiers[its["trial_indices"]] = "live_test_main"
        make_session(data / mouse, its["neuron_ids"].iloc[0], tiers, [300] * len(tiers))
    report = check_submission(shared(f"golden/{LIVE_MAIN}"), data)
    assert (report.problems, report.warnings) == ((), ())
    assert (report.rows, report.values, report.frames) == (9, 20169, 249)


# What is wrong with a file as a whole


def test_a_wrong_name_is_answered_with_the_right_ones(tmp_path, sessions):
    path = write_right(tmp_path, sessions, "prediction_live_main.parquet.brotli")
    report = check_submission(path, sessions)
    problem = only(report.problems)
    assert problem.where == "file name"
    assert all(target.file in problem.rule for s in ("user", "current") for target in targets(s))
    assert f"perhaps {LIVE_MAIN} is meant" in problem.found
    assert (report.tier, report.schemes) == ("live_test_main", ())


def test_a_name_of_the_other_scheme_is_wrong_where_one_is_asked_for(tmp_path, sessions):
    path = write_right(tmp_path, sessions, "predictions_live_ood.parquet.brotli", "live_test_bonus")
    assert check_submission(path, sessions).ok
    assert check_submission(path, sessions, scheme="user").ok
    problem = only(check_submission(path, sessions, scheme="current").problems)
    assert problem.where == "file name"
    assert "predictions_live_test_bonus_ood" in problem.rule


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_cut_file_is_no_parquet_file(tmp_path, sessions, share):
    path = write_right(tmp_path, sessions)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    report = check_submission(path, sessions)
    assert only(report.problems).rule == "it is a whole Parquet file"
    assert (report.tier, report.rows, report.ok) == ("live_test_main", 0, False)


def test_damaged_pages_are_told_once(tmp_path, sessions):
    path = write_right(tmp_path, sessions)
    content = bytearray(path.read_bytes())
    content[4:2000] = bytes(1996)
    path.write_bytes(content)
    problem = only(check_submission(path, sessions).problems)
    assert problem.rule == "every page can be read"


@pytest.mark.parametrize("compression", ["snappy", None])
def test_another_compression(table_verdict, rows, compression):
    problem = only(table_verdict(table_of(rows), compression=compression).problems)
    assert "Brotli" in problem.rule
    assert problem.found == (compression or "uncompressed").upper()


def test_too_large_a_file(tmp_path, sessions, monkeypatch):
    path = write_right(tmp_path, sessions)
    monkeypatch.setattr(file, "LARGEST_UPLOAD", path.stat().st_size)
    assert check_submission(path, sessions).ok
    monkeypatch.setattr(file, "LARGEST_UPLOAD", path.stat().st_size - 1)
    assert "an upload has at most" in only(check_submission(path, sessions).problems).rule


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda table: table.drop(columns="neuron_ids"), "no neuron_ids"),
        (lambda table: table.assign(frames=1), "also frames"),
        (lambda table: table.rename(columns={"mouse": "mice"}), "no mouse, also mice"),
        (lambda table: table[["trial_indices", "mouse", "prediction", "neuron_ids"]], "the order"),
    ],
)
def test_other_columns(table_verdict, rows, change, found):
    problem = only(table_verdict(change(table_of(rows))).problems)
    assert problem.where == "columns"
    assert problem.found.startswith(found)


def test_an_index_of_pandas_is_a_column_too_many(table_verdict, rows):
    report = table_verdict(table_of(rows).set_index(pd.Index(range(1, 13, 2))), index=True)
    assert only(report.problems).found == "also __index_level_0__"


@pytest.mark.parametrize(
    ("column", "values", "found"),
    [
        ("mouse", [1] * 6, "int64"),
        ("trial_indices", [0.5] * 6, "double"),
        ("prediction", [[1.0, 2.0]] * 6, "list<element: double>"),
        ("prediction", [[[1, 2]]] * 6, "list<element: list<element: int64>>"),
        ("neuron_ids", [["2"]] * 6, "list<element: string>"),
    ],
)
def test_other_types(table_verdict, rows, column, values, found):
    problem = only(table_verdict(table_of(rows).assign(**{column: values})).problems)
    assert problem.where == f"column {column}"
    assert problem.found == found


def test_unusual_but_readable_types_are_a_warning(table_verdict, rows):
    table = table_of(rows).astype({"mouse": "category", "trial_indices": "int16"})
    report = table_verdict(table)
    assert report.problems == ()
    assert [w.where for w in report.warnings] == ["column mouse", "column trial_indices"]
    assert report.rows == 6


def test_a_file_without_rows(tmp_path, sessions):
    write_submission(tmp_path / "one", right_rows(sessions)[:1])
    none = pq.read_table(tmp_path / "one").slice(0, 0)
    pq.write_table(none, tmp_path / LIVE_MAIN, compression="brotli")
    report = check_submission(tmp_path / LIVE_MAIN, sessions)
    assert only(report.problems).found == "no row"
    assert (report.rows, report.mice, report.frames, report.trial_form) == (0, (), None, None)


# What is wrong with mice and trials


def test_an_unknown_mouse_is_answered_with_the_nearest(verdict, rows):
    renamed = [replace(row, mouse=row.mouse.replace("aaaa", "aaab")) for row in rows[:3]]
    report = verdict(renamed + rows[3:])
    missing, unknown = report.problems
    assert (missing.where, missing.found) == (
        FIRST,
        "no row of this mouse, which has 3 such trials",
    )
    assert unknown.where == "3 rows"
    assert f"'dynamic1-1-1-Video-aaab'; perhaps {FIRST} is meant in row 0 (" in unknown.found


def test_missing_trials_are_one_problem_a_mouse(verdict, rows):
    problem = only(verdict(rows[:1] + rows[3:]).problems)
    assert problem.where == FIRST
    assert problem.found == "no row for 2 of 3: 3, 7"


def test_a_trial_of_another_tier_or_of_none(verdict, rows):
    report = verdict([*rows, replace(rows[0], trial=4), replace(rows[0], trial=99)])
    other, absent = report.problems
    assert other.rule == "every row is of a live_test_main trial"
    assert (other.where, other.found) == (f"row 6 ({FIRST}, trial 4)", "a final_test_main trial")
    assert (absent.where, absent.found) == (f"row 7 ({FIRST}, trial 99)", "no such file")


def test_a_trial_given_twice(table_verdict, rows):
    problem = only(table_verdict(table_of([*rows, rows[1]])).problems)
    assert problem.rule == "a trial has one row"
    assert problem.found == "the trial of row 1 again"


def test_trials_written_in_two_forms(table_verdict, rows):
    table = table_of(rows)
    table["trial_indices"] = [f"{trial}.npy" for trial in table["trial_indices"][:-1]] + ["7"]
    report = table_verdict(table)
    missing, form = report.problems
    assert missing.found == "no row for 1 of 3: 7"
    assert (form.rule, form.found) == ("a trial is written as 1 or as '1.npy'", "'7'")
    assert report.trial_form == "file"


# What is wrong with predictions


def test_other_neuron_ids(verdict, rows):
    permuted = replace(rows[0], neuron_ids=rows[0].neuron_ids[::-1])
    different = replace(rows[1], neuron_ids=rows[1].neuron_ids + 1)
    problem = only(verdict([permuted, different, *rows[2:]]).problems)
    assert problem.where == "2 rows"
    assert problem.found.startswith(f"the same ids in another order in row 0 ({FIRST}, trial 2)")
    assert "4 ids that are not in it in row 1" in problem.found


def test_too_few_neurons(verdict, rows):
    fewer = replace(rows[0], prediction=rows[0].prediction[1:], neuron_ids=rows[0].neuron_ids[1:])
    ids, neurons = verdict([fewer, *rows[1:]]).problems
    assert (ids.where, ids.found) == (f"row 0 ({FIRST}, trial 2)", "4 ids instead of 5")
    assert neurons.found == "4 instead of 5"


@pytest.mark.parametrize(("tier", "count", "told"), [("main", 248, "249"), ("bonus", 191, "189")])
def test_a_wrong_number_of_frames(tmp_path, sessions, tier, count, told):
    rows = right_rows(sessions, f"live_test_{tier}")
    wrong = replace(rows[0], prediction=np.ones((5, count)))
    name = {"main": LIVE_MAIN, "bonus": "predictions_live_ood.parquet.brotli"}[tier]
    write_submission(tmp_path / name, [wrong, *rows[1:]])
    problem = only(check_submission(tmp_path / name, sessions).problems)
    assert problem.found.startswith(f"{count} instead of {told} or ")


def test_249_and_250_frames_in_one_file(verdict, sessions, rows):
    report = verdict([*rows[:5], right_rows(sessions, longest=250)[5]])
    problem = only(report.problems)
    assert problem.where == "frames"
    assert "5 rows as with 249, first row 0" in problem.found
    assert f"1 rows as with 250, first row 5 ({SECOND}, trial 7)" in problem.found
    assert report.frames is None


def test_neurons_of_different_lengths(table_verdict, rows):
    table = table_of(rows)
    table.loc[2, "prediction"][3].pop()
    problem = only(table_verdict(table).problems)
    assert problem.where == f"row 2 ({FIRST}, trial 7)"
    assert problem.found == "248 to 249"


def test_values_that_are_not_finite(table_verdict, rows):
    rows[1].prediction[0, :2] = np.nan, np.inf  # pandas writes NaN as null
    rows[4].prediction[6, 248] = -np.inf
    problem = only(table_verdict(table_of(rows)).problems)
    assert (problem.where, problem.rule) == ("2 rows", "predictions are finite")
    assert f"2 values NaN, null or infinite in row 1 ({FIRST}, trial 3)" in problem.found
    assert "1 values NaN, null or infinite in row 4" in problem.found


def nulled(column, how):
    def change(table):
        cells = table[column].to_list()
        cells[0] = how(cells[0])
        return table.assign(**{column: pd.Series(cells, dtype=object)})

    return change


@pytest.mark.parametrize(
    ("column", "how"),
    [
        ("mouse", lambda _: None),
        ("prediction", lambda _: None),
        ("prediction", lambda cell: [None, *cell[1:]]),
        ("neuron_ids", lambda _: None),
        ("neuron_ids", lambda cell: [None, *cell[1:]]),
    ],
)
def test_nulls(table_verdict, rows, column, how):
    problems = table_verdict(nulled(column, how)(table_of(rows))).problems
    (null,) = [problem for problem in problems if problem.rule == "no cell is null"]
    assert null.found == f"1 in {column}"
    # Without its mouse, the row cannot stand for its trial.
    assert len(problems) == (2 if column == "mouse" else 1)


def test_a_null_trial(tmp_path, sessions, rows):
    write_submission(tmp_path / "right", rows)
    table = pq.read_table(tmp_path / "right")
    trials = pa.array([None, *table["trial_indices"].to_pylist()[1:]], pa.int64())
    table = table.set_column(1, "trial_indices", trials)
    pq.write_table(table, tmp_path / LIVE_MAIN, compression="brotli")
    missing, null = check_submission(tmp_path / LIVE_MAIN, sessions).problems
    assert missing.found == "no row for 1 of 3: 2"
    assert null.found == "1 in trial_indices"


def test_negative_values_are_a_warning(verdict, rows):
    rows[0].prediction[2, 3] = -0.5
    report = verdict(rows)
    assert report.ok
    assert only(report.warnings).found == "-0.5"


def test_zeros_are_a_warning(verdict, rows):
    for row in rows[:3]:
        row.prediction[1] = 0
    rows[4].prediction[:] = 0
    report = verdict(rows)
    assert report.ok
    trial, neuron = report.warnings
    assert (trial.where, trial.found) == (f"row 4 ({SECOND}, trial 3)", "only zeros")
    assert (neuron.where, neuron.found) == (FIRST, "1 of 5 neurons at 0 in every trial")


@pytest.mark.parametrize("raw", [True, False])
def test_the_scale_of_raw_responses_is_a_warning(tmp_path, raw):
    session = make_session(tmp_path / "mouse", range(5, 30), std=np.float64(10))
    rows = [replace(r, prediction=r.prediction * (10 if raw else 1)) for r in right_rows([session])]
    write_submission(tmp_path / LIVE_MAIN, rows)
    report = check_submission(tmp_path / LIVE_MAIN, [session])
    assert report.ok
    assert [w.found for w in report.warnings] == ["the scale of the raw responses"] * raw


def test_the_scale_is_not_guessed_at():
    """Few neurons, deviations near 1, and predictions that are like neither tell nothing."""
    mean, std = np.full((30, 1), 10.0), np.full((30, 1), 10.0)
    assert looks_unscaled(mean[:, 0], mean, std)
    assert not looks_unscaled(mean[:10, 0], mean[:10], std[:10])
    assert not looks_unscaled(mean[:, 0], mean, np.full((30, 1), 1.5))
    assert not looks_unscaled(mean[:, 0] / 10, mean, std)
    assert not looks_unscaled(mean[:, 0] * 5, mean, std)
    assert not looks_unscaled(mean[:, 0], np.full((30, 1), np.nan), std)


# Everything at once


def test_all_that_is_wrong_is_told_at_once(tmp_path, sessions, rows):
    """Each fault of a file with nine of them is named."""
    rows[0] = replace(rows[0], prediction=rows[0].prediction[:, 1:])
    rows[1] = replace(rows[1], neuron_ids=rows[1].neuron_ids[::-1])
    rows[2].prediction[0, 0] = np.nan
    rows[3] = replace(rows[3], mouse="nobody")
    rows[4] = replace(rows[4], trial=0)
    table = table_of([*rows, rows[5]]).assign(more=1)
    path = tmp_path / "live.parquet"
    table.to_parquet(path, compression="gzip", index=False)
    rules = "\n".join(problem.rule for problem in check_submission(path, sessions).problems)
    for rule in (
        "it is one of predictions_live_main",
        "compressed with Brotli",
        "the columns are exactly",
        "each live_test_main trial has a row",
        "a value for each scored frame",
        "in its order",
        "are finite",
        "called as its session folder",
        "is of a live_test_main trial",
        "one row",
    ):
        assert rules.count(rule) == 1, rule


def test_ten_thousand_bad_rows_give_a_few_lines(tmp_path, sessions, rows):
    strangers = (
        replace(rows[0], mouse=f"stranger{n}", prediction=np.full((1, 1), -1.0), neuron_ids=[1])
        for n in range(10_000)
    )
    write_submission(tmp_path / LIVE_MAIN, chain(rows, strangers))
    report = check_submission(tmp_path / LIVE_MAIN, sessions)
    problem = only(report.problems)
    assert report.rows == 10_006
    assert problem.where == "10,000 rows"
    assert "'stranger0' in row 6 (stranger0, trial 2)" in problem.found
    assert problem.found.endswith("; ...")
    assert len(str(problem)) < 400
    assert only(report.warnings).where == "10,000 rows"


# Zips


@pytest.fixture
def folder(tmp_path, sessions):
    """One with all files of the scheme 'user'."""
    for target in targets("user"):
        write_right(tmp_path, sessions, target.file, target.tier)
    return tmp_path


def zipped(path, members):
    with zipfile.ZipFile(path, "w") as made:
        for name, source in members.items():
            made.write(source, arcname=name)
    return path


def test_right_zips_are_right(folder, sessions):
    for path in write_zips(folder):
        report = check_submission(path, sessions)
        assert (report.problems, report.warnings) == ((), ())
        assert [member.ok for member in report.members] == [True, True]
        assert report.rows == sum(member.rows for member in report.members)
        assert report.mice == (FIRST, SECOND)


def test_a_wrong_member_is_told_by_its_name(folder, sessions, rows):
    write_submission(folder / LIVE_MAIN, rows[1:])
    report = check_submission(write_zips(folder)[0], sessions)
    assert only(report.problems).where == f"{LIVE_MAIN}, {FIRST}"
    assert [member.ok for member in report.members] == [False, True]


def test_files_lie_at_the_root(folder, sessions):
    names = [target.file for target in targets("user")[:2]]
    path = zipped(folder / "a.zip", {f"inner/{name}": folder / name for name in names})
    problems = check_submission(path, sessions).problems
    assert [(p.where, p.found) for p in problems] == [(f"inner/{n}", "it in inner/") for n in names]


def test_a_zip_holds_the_files_that_belong_together(folder, sessions):
    path = zipped(folder / "a.zip", {LIVE_MAIN: folder / LIVE_MAIN})
    problem = only(check_submission(path, sessions).problems)
    assert f"predictions_final_main.parquet.brotli and {LIVE_MAIN}" in problem.rule
    assert problem.found == LIVE_MAIN
    empty = zipped(folder / "b.zip", {})
    assert only(check_submission(empty, sessions).problems).found == "no file"


def test_other_files_in_a_zip_are_wrong_names(folder, sessions):
    (folder / "notes.txt").write_text("see paper")
    members = {name: folder / name for name in ("predictions_final_main.parquet.brotli", LIVE_MAIN)}
    path = zipped(folder / "a.zip", members | {"notes.txt": folder / "notes.txt"})
    name, content = check_submission(path, sessions).problems
    assert (name.where, name.found) == ("notes.txt, file name", "notes.txt")
    assert content.rule == "it is a whole Parquet file"


def test_a_broken_zip(folder, sessions):
    path = write_zips(folder)[0]
    whole = path.read_bytes()
    path.write_bytes(whole[:-100])
    assert only(check_submission(path, sessions).problems).rule == "it is a whole zip"
    damaged = bytearray(whole)
    damaged[1000] ^= 255
    path.write_bytes(damaged)
    problem = only(check_submission(path, sessions).problems)
    assert (problem.where, problem.rule) == (f"{LIVE_MAIN}, file", "it can be extracted")


def test_too_large_a_zip_or_member(folder, sessions, monkeypatch):
    path = write_zips(folder)[0]
    monkeypatch.setattr(file, "LARGEST_UPLOAD", path.stat().st_size - 1)
    problem = only(check_submission(path, sessions).problems)
    assert problem.rule.startswith("an upload has at most")
    monkeypatch.setattr(archive, "LARGEST_UPLOAD", 10)
    problems = check_submission(path, sessions).problems
    assert [p.rule for p in problems[1:]] == ["a file has at most 10 bytes"] * 2


def test_no_room_to_extract_is_said(folder, sessions, monkeypatch):
    def full(*_arguments):
        raise OSError(28, "No space left on device")

    path = write_zips(folder)[0]
    monkeypatch.setattr(archive.shutil, "copyfileobj", full)
    with pytest.raises(StorageError, match="no space left"):
        check_submission(path, sessions)
