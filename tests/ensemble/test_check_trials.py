from dataclasses import replace

from tests.ensemble.small_sessions import (
    FIRST,
    only,
    table_of,
)


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
