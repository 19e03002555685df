import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from ensemble.asking import options_of
from ensemble.build import Options, build, rebuild
from ensemble.candidates import members_of_runs
from ensemble.chosen import Wanted
from ensemble.manifest import Manifest
from ensemble.naming import targets
from ensemble.reader import read_rows
from ensemble.score import score_file
from models.answers import Answers
from models.errors import UserError
from models.metrics import response_precision, scored_frames
from models.recordings.data_set import open_sessions
from models.recordings.truth import truth_folder
from models.scoring import server_units
from models.trained import TrainedRun
from tests.ensemble.build_fixtures import complete_ones, set_score, train
from tests.ensemble.building import outcome_of


def best_labels(result, count):
    return [each.label for each in result.selection.candidates[:count]]


@pytest.fixture(scope="module")
def built(demo, tmp_path_factory):
    """The plain mean of the best two, and which runs responded to what."""
    out = tmp_path_factory.mktemp("out")
    calls = []
    respond = TrainedRun.respond

    def counted(run, session, *inputs):
        calls.append((run.folder.path, session.name))
        return respond(run, session, *inputs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TrainedRun, "respond", counted)
        result, text = outcome_of(out, demo, wanted=Wanted(top=2, rule="mean"))
    return out, result, text, calls


def test_all_files_zips_and_the_manifest_are_there(built):
    out, result, _, _ = built
    assert result.ok
    assert {path.name for path in out.iterdir()} == {
        "predictions_live_main.parquet.brotli",
        "predictions_final_main.parquet.brotli",
        "predictions_live_ood.parquet.brotli",
        "predictions_final_ood.parquet.brotli",
        "predictions_main.zip",
        "predictions_ood.zip",
        "manifest.json",
        "report.html",
    }
    assert result.page == out / "report.html"
    assert [report.path.parent for report in result.reports] == [out] * 4
    assert all(not report.problems for report in result.reports)
    assert all(report.rows for report in result.reports)


def test_rows_are_the_mean_of_the_members_in_the_servers_units(built, demo):
    out, result, _, _ = built
    runs = [TrainedRun.open(demo.run(label), "cpu") for label in best_labels(result, 2)]
    sessions = {session.name: session for session in open_sessions(demo.data)}
    for target in targets():
        rows = list(read_rows(out / target.file))
        wanted = [(n, trial) for n, s in sessions.items() for trial in s.trials(target.tier)]
        assert [(row.mouse, row.trial) for row in rows] == wanted
        row, session = rows[-1], sessions[rows[-1].mouse]
        mean = sum(run.predict(session, row.trial).astype(float) for run in runs) / 2
        window = scored_frames(mean.shape[1])
        precision = response_precision(session.statistic("responses", "std"))[:, window]
        np.testing.assert_allclose(row.prediction, mean[:, window] * precision, rtol=1e-6)
        np.testing.assert_array_equal(row.neuron_ids, session.unit_ids)


def test_no_trial_is_predicted_twice(built, demo):
    _, result, _, calls = built
    tiers = [target.tier for target in targets()] + ["oracle"]
    trials = sum(len(session.trials(tiers)) for session in open_sessions(demo.data))
    predicting = 2 + 1  # members and floor; the third run was not chosen
    assert len(calls) == predicting * trials
    assert len({path for path, _ in calls}) == predicting
    assert demo.run(best_labels(result, 3)[2]) not in {path for path, _ in calls}


def test_scores_are_those_of_the_files(built, demo):
    out, result, _, _ = built
    sessions, answers = open_sessions(demo.data), Answers.beside(demo.data)
    scores = {each.tier: each for each in result.scores}
    assert list(scores) == ["oracle", *(target.tier for target in targets())]
    for target in targets():
        mine, file = scores[target.tier], score_file(out / target.file, sessions, answers)
        assert file.score == pytest.approx(mine.ensemble, abs=1e-6)
        assert file.ceiling == pytest.approx(mine.ceiling, abs=1e-9)
        assert file.trials == mine.trials
        assert {kind: score for kind, (score, _) in file.kinds.items()} == pytest.approx(mine.kinds)
    assert scores["live_test_bonus"].kinds
    assert not scores["live_test_main"].kinds
    assert len(scores["oracle"].members) == 2
    assert scores["oracle"].floor is not None
    assert scores["oracle"].ceiling is not None


def test_what_is_printed(built):
    _, result, text, _ = built
    oracle = result.scores[0]
    assert "3 runs trained to full budget, not confirmed; left out: " in text
    assert "in-sample" in text
    assert "cross-fitted" in text
    assert "weights per neuron" in text
    assert "live_test_main: 2 trials" in text
    for value in (oracle.ensemble, oracle.best_single, oracle.floor, oracle.ceiling):
        assert f"{value:.4f}" in text
    for title in ("oracle", "main live", "main final", "OOD live", "OOD final"):
        assert title in text
    assert f"the ensemble of 2 scores {oracle.ensemble:.4f} on oracle, " in text


def test_the_manifest_tells_what_the_files_are_made_of(built, demo):
    out, result, _, _ = built
    manifest = Manifest.read(out)
    assert result.manifest == out / "manifest.json"
    best = [str(demo.run(label)) for label in best_labels(result, 2)]
    assert [member.runs[0].folder for member in manifest.members] == best
    assert [member.weight for member in manifest.members] == [0.5, 0.5]
    assert manifest.selection == result.selection
    assert manifest.evaluation == result.scores
    assert manifest.left_out == {"stopped early": 1, "failed": 1, "not ended": 1}
    assert manifest.mice == [session.name for session in open_sessions(demo.data)]
    assert len(manifest.files) == 6
    for file in manifest.files:
        content = (out / file.name).read_bytes()
        assert (file.bytes, file.sha256) == (len(content), hashlib.sha256(content).hexdigest())


def test_one_candidate_is_the_ensemble_and_says_why(demo, tmp_path):
    result, text = outcome_of(tmp_path, demo, members_of_runs([demo.run(1)]))
    assert result.selection.chosen == 1
    assert result.scores[0].ensemble == pytest.approx(result.scores[0].best_single, abs=1e-9)
    assert result.scores[0].floor is None
    assert "the ensemble is one model, run 1" in text
    assert "only one run can take part" in text


def test_options_reach_the_files(demo, tmp_path):
    mouse = open_sessions(demo.data)[1]
    options = {"frames": 250, "trial_indices": "file", "dtype": "float32", "mantissa_bits": 10}
    only = {"mice": (mouse.name,), "scheme": "current", "normalise": False}
    only |= {"wanted": Wanted(pool=1)}
    result, text = outcome_of(tmp_path, demo, **options, **only)
    names = [report.path.name for report in result.reports]
    assert "predictions_final_test_bonus_ood.parquet.brotli" in names
    assert len(result.zips) == 3
    assert {report.mice for report in result.reports} == {(mouse.name,)}
    assert {report.trial_form for report in result.reports} == {"file"}
    assert {report.frames for report in result.reports} == {250}
    row = next(read_rows(tmp_path / names[0]))
    assert row.prediction.dtype == np.float32
    run = TrainedRun.open(demo.run(*best_labels(result, 1)), "cpu")
    raw = run.predict(mouse, row.trial)[:, 50:300]
    np.testing.assert_allclose(row.prediction, raw, rtol=2**-10)
    assert (row.prediction.view(np.int32) & ((1 << 13) - 1) == 0).all()
    assert "the files hold raw units" in text
    assert len(result.selection.candidates) == 1


def test_a_tier_that_was_trained_on_is_not_evaluated(demo, tmp_path):
    tiers = {"folds": 2, "fold": 0, "downsample": 4, "tiers": ["train", "oracle"]}
    train(tmp_path / "run", demo.data, 3, data=tiers)
    result, _ = outcome_of(tmp_path / "out", demo, members_of_runs([tmp_path / "run"]))
    assert "oracle" not in [each.tier for each in result.scores]
    assert result.scores


def test_without_a_truth_only_public_responses_are_evaluated(demo, tmp_path):
    link = tmp_path / "elsewhere"
    link.mkdir()
    for session in open_sessions(demo.data):
        (link / session.name).symlink_to(session.path)
    moved = type(demo)(link, demo.home)
    one = {"wanted": Wanted(top=1), "mice": (open_sessions(demo.data)[0].name,)}
    result, text = outcome_of(tmp_path / "out", moved, **one)
    assert [each.tier for each in result.scores] == ["oracle"]
    assert result.scores[0].ceiling is None
    assert "ceiling" not in text
    given, _ = outcome_of(tmp_path / "out", moved, truth=truth_folder(demo.data), **one)
    assert len(given.scores) == 5


def test_only_the_top_runs_are_considered(demo, tmp_path):
    copied = demo.copy(tmp_path / "home")
    for number, score in (("4", 0.9), ("0", 0.8), ("1", 0.7)):
        set_score(copied.run(number), score)
    mice = (open_sessions(demo.data)[0].name,)
    result, text = outcome_of(tmp_path / "out", copied, wanted=Wanted(pool=2), mice=mice)
    assert {each.label for each in result.selection.candidates} == {"4", "0"}
    assert "3 runs trained to full budget" in text


def test_on_a_terminal_there_is_a_bar(demo, tmp_path):
    text = io.StringIO()
    console = Console(file=text, width=200, force_terminal=True)
    mice = (open_sessions(demo.data)[0].name,)
    options = Options(demo.data, tmp_path, Wanted(pool=1), device="cpu", mice=mice)
    build(complete_ones(demo), options, console)
    assert "━" in text.getvalue()
    assert "/1" in text.getvalue()


def test_a_manifest_makes_the_same_files_byte_for_byte(demo, tmp_path):
    asked = {"wanted": Wanted(rule="per-neuron"), "mantissa_bits": 12, "scheme": "current"}
    first, _ = outcome_of(tmp_path / "first", demo, **asked)
    manifest = Manifest.read(tmp_path / "first")
    assert any(isinstance(each[0], list) for each in manifest.weights.own.values())
    options = options_of(manifest, Options(demo.data, tmp_path / "again", device="cpu"))
    console = Console(file=io.StringIO(), width=200)
    again = rebuild(manifest, options, console)
    assert again.ok
    assert again.scores == first.scores
    for file in manifest.files:
        content = (tmp_path / "again" / file.name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == file.sha256
    made = Manifest.read(tmp_path / "again")
    same = {"commit", "members", "weights", "selection", "evaluation", "files", "rule"}
    assert made.model_dump(include=same) == manifest.model_dump(include=same)


def test_a_manifest_of_other_recordings_is_refused(built, demo, tmp_path):
    manifest = Manifest.read(built[0]).model_copy(update={"data_fingerprint": "0123"})
    options = options_of(manifest, Options(demo.data, tmp_path / "again", device="cpu"))
    with pytest.raises(UserError, match="the manifest is of recordings 0123"):
        rebuild(manifest, options, Console(file=io.StringIO()))
    assert not (tmp_path / "again").exists()


def test_weights_of_each_neuron_reach_the_files(demo, tmp_path):
    result, _ = outcome_of(tmp_path, demo, wanted=Wanted(rule="per-neuron"))
    manifest = Manifest.read(tmp_path)
    session = open_sessions(demo.data)[0]
    weights = manifest.weights.weights.of(session.name)
    assert weights.shape == (session.neurons, len(manifest.members))
    runs = [TrainedRun.open(Path(m.runs[0].folder), "cpu") for m in manifest.members]
    name = result.reports[0].path.name
    row = next(row for row in read_rows(tmp_path / name) if row.mouse == session.name)
    each = np.array([run.predict(session, row.trial).astype(float) for run in runs])
    mean = np.einsum("nm,mnt->nt", weights, each)
    wanted = server_units(session, mean)
    np.testing.assert_allclose(row.prediction, np.maximum(wanted, 0), rtol=1e-6)
