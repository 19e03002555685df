"""The page about an ensemble: what its parts show, and what it says where something is missing."""

import json
import shutil

import numpy as np
import pytest
from typer.testing import CliRunner

from ensemble.candidates import members_of_runs, with_imported
from ensemble.chosen import Wanted, choose
from ensemble.cli import app
from ensemble.evaluation import TierScores
from ensemble.manifest import Manifest
from ensemble.report.gain import gain, sampled
from ensemble.report.gains import Gains, MouseGain, mouse_gain
from ensemble.report.likeness import likeness
from ensemble.report.made_of import options
from ensemble.report.names import short_mice
from ensemble.report.page import FILE, sections, write_report
from ensemble.report.sizes import sizes
from ensemble.report.traces import at_percentiles, traces
from ensemble.report.weights import weights_figure
from ensemble.rules import Weights
from models import predictions
from models.errors import ProblemsFound, StorageError, UserError
from models.metrics import scored_frames, single_trial_correlation
from models.pages import Chart, Note, Table
from models.recordings.data_set import open_sessions
from models.recordings.session import fingerprint
from models.runs import RunFolder
from tests.ensemble.build_fixtures import complete_ones
from tests.ensemble.made_moments import made_mice
from tests.pages import Page

SECTIONS = ["result", "rules", "sizes", "weights", "likeness", "gain", "traces", "made"]


def page_at(path):
    return Page(path.read_text())


def manifest_of(candidates, data, rule="mean"):
    """What `build` would write of an ensemble, without its files; the scores are made up."""
    sessions = open_sessions(data)
    mice = [session.name for session in sessions]
    ensemble = choose(candidates, sessions, Wanted(rule=rule))
    alone = tuple(0.3 - 0.01 * place for place in range(len(ensemble.members)))
    main = TierScores("oracle", 4, (*mice,), alone, 0.34, None, 0.1, 0.8)
    ood = TierScores("live_test_bonus", 6, (mice[0],), alone, 0.28, 0.27, kinds={"gabor": 0.123})
    return Manifest.of(
        ensemble,
        mice,
        evaluation=(main, ood),
        evaluation_raw=(main, ood),
        data=str(data),
        data_fingerprint=fingerprint(sessions),
        options={"wanted": {"top": 10, "gflop": None}, "scheme": "user"},
        files=[],
    )


@pytest.fixture(scope="module")
def manifest(demo):
    return manifest_of(complete_ones(demo), demo.data)


def gains_of(manifest, data):
    return Gains.of(manifest.ensemble(), open_sessions(data))


def notes(blocks):
    return " ".join(block.text for block in blocks if isinstance(block, Note))


def chart(blocks, place=0):
    return [block.figure for block in blocks if isinstance(block, Chart)][place]


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


def parts_of(manifest, demo):
    return sections(manifest, manifest.ensemble(), open_sessions(demo.data))


def test_the_table_of_rules_marks_the_used_one(manifest, demo):
    parts = {each.key: each.blocks for each in parts_of(manifest, demo)}
    (table,) = (block for block in parts["rules"] if isinstance(block, Table))
    assert [row[0] for row in table.rows] == [rule.rule for rule in manifest.selection.rules]
    assert [row[0] for row in table.rows if row[-1] == "used"] == ["plain mean"]
    known = manifest.selection.rule
    assert f"{known.cross_fitted:.4f} ± {known.error:.4f}" in table.rows[0]


def test_gains_are_those_of_the_stored_predictions(demo):
    manifest = manifest_of(complete_ones(demo), demo.data, "per-mouse")
    gains = gains_of(manifest, demo.data)
    for session in open_sessions(demo.data):
        runs = [
            predictions.read(RunFolder(each.run.path).path, session.name) for each in gains.members
        ]
        weights = gains.weights.of(session.name)

        def correlation(weights, session=session, runs=runs):
            return single_trial_correlation(
                (
                    np.tensordot(weights, [run[trial] for run in runs], 1)[:, window],
                    session.responses(trial)[:, window],
                )
                for trial in runs[0]
                for window in [scored_frames(session.length(trial))]
            )

        mine = gains.mice[session.name]
        np.testing.assert_allclose(mine.single, correlation(np.eye(len(runs))[0]), atol=1e-6)
        np.testing.assert_allclose(mine.ensemble, correlation(weights), atol=1e-6)
        assert mine.gain == pytest.approx(mine.ensemble.mean() - mine.single.mean())


def test_the_error_of_a_gain_is_its_jackknife_over_blocks():
    moments, weights = made_mice(3, [1.0, 1.5, 2.0], mice=1)["mouse 0"], np.array([0.5, 0.3, 0.2])
    names = {*moments.blocks}
    parts = [moments.of_blocks(names - {name}) for name in names]
    gains = np.array([part.score(weights) - part.score(np.eye(3)[0]) for part in parts])
    mine = mouse_gain(moments, weights)
    assert mine.error == pytest.approx(np.sqrt((len(names) - 1) * gains.var()))
    assert mine.gain == pytest.approx(moments.score(weights) - moments.score(np.eye(3)[0]))
    assert mouse_gain(moments, np.eye(3)[0]).error == 0


def test_gains_are_drawn_for_every_mouse_and_neuron(manifest, demo):
    gains = gains_of(manifest, demo.data)
    blocks = gain(gains, "plain mean", 0)
    (table,) = (block for block in blocks if isinstance(block, Table))
    assert [row[0] for row in table.rows] == list(gains.mice)
    (bars,) = chart(blocks).data
    assert list(bars.x) == [each.gain for each in gains.mice.values()]
    assert list(bars.error_x.array) == [each.error for each in gains.mice.values()]
    assert all(error > 0 for error in bars.error_x.array)
    dots = [trace for trace in chart(blocks, 1).data if trace.mode == "markers"]
    for drawn, each in zip(dots, gains.mice.values(), strict=True):
        np.testing.assert_allclose(drawn.x, each.single, atol=1e-4)
        np.testing.assert_allclose(drawn.y, each.ensemble, atol=1e-4)
    assert "Drawn are all of them" in notes(blocks)


def test_of_many_neurons_some_of_each_mouse_are_drawn_and_the_page_says_so():
    mice = {
        name: MouseGain(np.zeros(count), np.ones(count), 0.1)
        for name, count in (("a", 5000), ("b", 2500))
    }
    drawn = sampled(mice, 3000)
    assert {mouse: len(places) for mouse, places in drawn.items()} == {"a": 1667, "b": 834}
    member = type("Member", (), {"label": "7"})()
    words = notes(gain(Gains((member, member), Weights(np.ones(2) / 2), mice), "plain mean", 2))
    assert "some of them, 2,501 of 7,500" in words
    assert "Without the imported members (2)" in words


def test_scores_are_drawn_over_the_number_of_members(manifest):
    candidates = manifest.selection.candidates
    band, level, together, single = chart(sizes(manifest.selection)).data
    assert list(together.y) == [each.together for each in candidates]
    assert list(single.y) == [each.single for each in candidates]
    assert list(single.customdata) == [each.label for each in candidates]
    rule = manifest.selection.rule
    assert set(level.y) == {rule.cross_fitted}
    assert max(band.y) == pytest.approx(rule.cross_fitted + rule.error)


def test_the_matrix_and_the_worths_are_in_the_order_of_the_candidates(manifest):
    selection = manifest.selection
    matrix, worths = chart(likeness(selection)).data
    labels = [each.label for each in selection.candidates]
    assert list(matrix.x) == list(matrix.y) == list(worths.y) == labels
    np.testing.assert_array_equal(matrix.z, selection.similarity)
    assert list(worths.x) == [each.worth for each in selection.candidates]


def test_weights_are_bars_dots_of_mice_or_boxes_of_neurons():
    labels, mice = ["0", "4"], ["a", "b"]
    (bars,) = weights_figure(Weights(np.array([0.25, 0.75])), labels, mice).data
    assert (list(bars.x), list(bars.y)) == (labels, [0.25, 0.75])
    own = {"a": np.array([0.5, 0.5]), "b": np.array([0.1, 0.9])}
    bars, dots = weights_figure(Weights(np.array([0.25, 0.75]), own), labels, mice).data
    assert list(bars.y) == pytest.approx([0.3, 0.7])
    assert list(zip(dots.x, dots.customdata, dots.y, strict=True)) == [
        ("0", "a", 0.5),
        ("0", "b", 0.1),
        ("4", "a", 0.5),
        ("4", "b", 0.9),
    ]
    first = np.linspace(0, 1, 101)
    own = {mouse: np.stack([first, 1 - first], axis=1) for mouse in mice}
    boxes, means = weights_figure(Weights(np.array([0.25, 0.75]), own), labels, mice).data
    assert list(boxes.q1) == pytest.approx([0.25, 0.25])
    assert list(boxes.upperfence) == pytest.approx([0.95, 0.95])
    assert list(means.y) == pytest.approx([0.5, 0.5])


def test_traces_are_the_response_the_members_and_their_weighted_mean(demo):
    manifest = manifest_of(complete_ones(demo), demo.data, "per-neuron")
    gains, sessions = gains_of(manifest, demo.data), open_sessions(demo.data)
    own = np.random.default_rng(5).dirichlet(np.ones(len(gains.members)), sessions[0].neurons)
    gains = Gains(gains.members, Weights(gains.weights.shared, {sessions[0].name: own}), gains.mice)
    blocks = traces(gains, sessions, [sessions[0].name])
    response, low, high, ensemble = chart(blocks).data[:4]
    runs = [predictions.read(each.run.path, sessions[0].name) for each in gains.members]
    trial = min(runs[0])
    assert f"trial {trial} of {sessions[0].name}" in notes(blocks)
    window = scored_frames(sessions[0].length(trial))
    (neuron, *_) = at_percentiles(gains.mice[sessions[0].name].ensemble)
    members = np.array([run[trial][neuron, window] for run in runs])
    np.testing.assert_allclose(response.y, sessions[0].responses(trial)[neuron, window], rtol=1e-3)
    np.testing.assert_allclose(low.y, members.min(axis=0), rtol=1e-3)
    np.testing.assert_allclose(high.y, members.max(axis=0), rtol=1e-3)
    np.testing.assert_allclose(ensemble.y, own[neuron] @ members, rtol=1e-3)
    assert response.x[0] == pytest.approx(50 / 30, abs=1e-3)


def test_neurons_at_percentiles():
    assert at_percentiles(np.arange(101)[::-1] / 100) == [10, 50, 90]
    assert at_percentiles(np.zeros(3)) == [2, 1, 0]
    assert at_percentiles(np.zeros(1)) == [0]


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
