"""The page about an ensemble: what its parts show, and what it says where something is missing."""

import json
import shutil

import numpy as np
import pytest
from typer.testing import CliRunner

from ensemble.candidates import members_of_runs, with_imported
from ensemble.cli import app
from ensemble.manifest import Manifest
from ensemble.report.made_of import options
from ensemble.report.names import short_mice
from ensemble.report.page import FILE, write_report
from models.errors import ProblemsFound, StorageError, UserError
from models.pages import Table
from models.recordings.data_set import open_sessions
from tests.ensemble.build_fixtures import complete_ones
from tests.ensemble.reports import gains_of, manifest_of, page_at, parts_of

SECTIONS = ["result", "rules", "sizes", "weights", "likeness", "gain", "traces", "made"]


def test_the_page_has_every_part_and_begins_with_the_verdict(manifest, demo, tmp_path):
    path = write_report(manifest, open_sessions(demo.data), tmp_path / "page.html")
    assert path == tmp_path / "page.html"
    page = page_at(path)
    assert [each["id"] for tag, each in page.tags if tag == "section"] == SECTIONS
    sentence = "The ensemble of 3 scores 0.3400 on oracle, above its best single member (0.3000)"
    assert page.text.index(sentence) < page.text.index("Result")
    assert "OOD live: responses are known of" in page.text
    for word in ("gabor", "0.1230", "wanted.gflop", manifest.data_fingerprint, "linear"):
        assert word in page.text
    for member in manifest.members:
        assert member.runs[0].weights_sha256[:12] in page.text
        assert member.runs[0].folder in page.text


def test_the_page_needs_nothing_from_elsewhere_and_has_plotly_once(manifest, demo, tmp_path):
    path = write_report(manifest, open_sessions(demo.data), tmp_path / "page.html")
    assert not [tag for tag, _ in page_at(path).tags if tag in ("link", "iframe", "img", "object")]
    scripts = [each for tag, each in page_at(path).tags if tag == "script"]
    assert not any("src" in each for each in scripts)
    text = path.read_text()
    assert text.count("plotly.js v") == 1
    assert text.count('"showSendToCloud": false') == text.count("Plotly.newPlot(  ") == 6


def test_the_result_has_both_units_and_the_plain_mean_even_where_it_is_the_ensemble(manifest, demo):
    parts = {each.key: each.blocks for each in parts_of(manifest, demo)}
    table, kinds = (block for block in parts["result"] if isinstance(block, Table))
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    assert [(row["tier"], row["units"]) for row in rows] == [
        ("oracle", "raw"),
        ("oracle", "server's"),
        ("OOD live", "raw"),
        ("OOD live", "server's"),
    ]
    assert (rows[0]["plain mean"], rows[0]["ensemble"]) == ("0.3400", "0.3400")
    assert (rows[2]["plain mean"], rows[2]["gain"], rows[2]["ceiling"]) == (
        "0.2700",
        "-0.0200",
        "-",
    )
    assert kinds.rows == [["gabor", "0.1230", "0.1230"]]


def test_the_table_of_rules_marks_the_used_one(manifest, demo):
    parts = {each.key: each.blocks for each in parts_of(manifest, demo)}
    (table,) = (block for block in parts["rules"] if isinstance(block, Table))
    assert [row[0] for row in table.rows] == [rule.rule for rule in manifest.selection.rules]
    assert [row[0] for row in table.rows if row[-1] == "used"] == ["plain mean"]
    known = manifest.selection.rule
    assert f"{known.cross_fitted:.4f} ± {known.error:.4f}" in table.rows[0]


def test_imported_members_are_left_out_of_what_needs_held_out_trials(demo, imported, tmp_path):
    both = members_of_runs([demo.run(0), demo.run(1)])
    manifest = manifest_of(with_imported(both, [imported]), demo.data)
    gains = gains_of(manifest, demo.data)
    assert [each.label for each in gains.members] == [m.label for m in manifest.members[:2]]
    np.testing.assert_allclose(gains.weights.shared, [0.5, 0.5])
    page = page_at(write_report(manifest, open_sessions(demo.data), tmp_path / "page.html"))
    assert "Without the imported members (1)" in page.text
    alone = manifest_of(with_imported(None, [imported]), demo.data)
    page = page_at(write_report(alone, open_sessions(demo.data), tmp_path / "alone.html"))
    assert "All members are imported: which trials they held out is not known." in page.text
    assert page.text.count("Nothing was chosen by a score") == 3


def test_one_model_alone_has_no_gain(demo, tmp_path):
    manifest = manifest_of(members_of_runs([demo.run(0)]), demo.data)
    page = page_at(write_report(manifest, open_sessions(demo.data), tmp_path / "page.html"))
    assert "One model alone, 0: there is no gain over itself." in page.text
    assert "There is one candidate only" in page.text


def test_without_the_held_out_predictions_the_page_says_so(demo, tmp_path):
    demo = demo.copy(tmp_path / "home")
    manifest = manifest_of(complete_ones(demo), demo.data)
    shutil.rmtree(demo.run(0) / "predictions")
    page = page_at(write_report(manifest, open_sessions(demo.data), tmp_path / "page.html"))
    assert page.text.count(f"Not known here: {demo.run(0)}/predictions") == 2
    assert [each["id"] for tag, each in page.tags if tag == "section"] == SECTIONS


def test_other_recordings_and_other_weights_are_refused(manifest, demo, tmp_path):
    path = tmp_path / "page.html"
    with pytest.raises(UserError, match="the manifest is of recordings"):
        write_report(manifest, open_sessions(demo.data)[:1], path)
    demo = demo.copy(tmp_path / "home")
    changed = manifest_of(complete_ones(demo), demo.data)
    (demo.run(0) / "weights.pt").write_bytes(b"other")
    with pytest.raises(ProblemsFound, match="its weights have the sha256"):
        write_report(changed, open_sessions(demo.data), path)
    assert not path.exists()


def test_an_old_page_is_replaced_whole_or_not_at_all(manifest, demo, tmp_path, monkeypatch):
    path = write_report(manifest, open_sessions(demo.data), tmp_path / "page.html")
    before = path.read_bytes()
    monkeypatch.setattr("models.files.flush", raise_full)
    with pytest.raises(StorageError, match="no space left"):
        write_report(manifest, open_sessions(demo.data), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def raise_full(_):
    raise OSError(28, "No space left on device")


def test_what_others_named_is_shown_and_not_run(manifest, demo, tmp_path):
    name = "<script>alert(1)</script>"
    content = json.loads(manifest.model_dump_json().replace('"label":"0"', f'"label":"{name}"'))
    path = write_report(
        Manifest.model_validate(content), open_sessions(demo.data), tmp_path / "page.html"
    )
    assert name in page_at(path).text
    assert name not in path.read_text()


def test_the_command_writes_beside_the_manifest_or_where_it_is_told(manifest, demo, tmp_path):
    manifest.write(tmp_path)
    words = ["report", str(tmp_path), "--data", str(demo.data)]
    told = CliRunner().invoke(app, words)
    assert (told.exit_code, told.stdout.split()) == (0, [str(tmp_path / FILE)])
    elsewhere = tmp_path / "other" / "page.html"
    assert CliRunner().invoke(app, [*words, "--to", str(elsewhere)]).exit_code == 0
    assert elsewhere.is_file()
    missing = CliRunner().invoke(app, ["report", str(tmp_path / "no"), "--data", str(demo.data)])
    assert "is missing" in str(missing.exception)


def test_names_of_mice_are_short_where_they_stay_apart():
    assert short_mice(["d1-2-Video-ab", "d2-2-Video-ab"]) == {
        "d1-2-Video-ab": "d1-2",
        "d2-2-Video-ab": "d2-2",
    }
    alike = ["d1-2-Video-ab", "d1-2-Video-cd"]
    assert short_mice(alike) == dict(zip(alike, alike, strict=True))


def test_options_within_options_are_named_with_both():
    given = {"wanted": {"top": 3, "rule": None}, "mice": ["a"]}
    assert options(given) == [("wanted.top", "3"), ("wanted.rule", "-"), ("mice", "['a']")]
