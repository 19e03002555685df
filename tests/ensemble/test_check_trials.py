from dataclasses import replace

from tests.ensemble.small_sessions import (
    FIRST,
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


def test_trials_written_in_two_forms(table_verdict, rows):
    table = table_of(rows)
    table["trial_indices"] = [f"{trial}.npy" for trial in table["trial_indices"][:-1]] + ["7"]
    report = table_verdict(table)
    missing, form = report.problems
    assert missing.found == "no row for 1 of 3: 7"
    assert (form.rule, form.found) == ("a trial is written as 1 or as '1.npy'", "'7'")
    assert report.trial_form == "file"
