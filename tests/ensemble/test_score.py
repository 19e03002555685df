"""Files whose responses are known, scored by name or by tier, and how the numbers are given."""

import csv
import json
import sys

import numpy as np
import pytest

from ensemble.cli import app
from ensemble.score import score_file
from ensemble.score_table import score_table, write_per_neuron, write_scores
from ensemble.submission import Row, write_submission
from models import console
from models.answers import Answers
from models.errors import UserError
from models.metrics import correlation_to_average, single_trial_correlation
from models.recordings.data_set import open_sessions
from models.scoring import server_units
from tests.ensemble.shifted_sessions import Known, jumping_rows, make_jumping
from tests.ensemble.small_sessions import FIRST, LIVE_MAIN, SECOND

FILMS = {2: "shown twice", 3: "shown once", 7: "shown twice"}


class Answered(Known):
    """The known responses of trials with named films."""

    def film(self, _, trial):
        return FILMS[trial]


@pytest.fixture(scope="module")
def jumping(tmp_path_factory):
    return make_jumping(tmp_path_factory.mktemp("jumping"))


@pytest.fixture
def oracle(demo, tmp_path):
    """The noise-free responses of the oracle tier as a file, under a name that the server refuses."""
    answers = Answers.beside(demo.data)
    rows = (
        Row(s.name, t, server_units(s, answers.noise_free(s, t)), s.unit_ids)
        for s in open_sessions(demo.data)
        for t in s.trials("oracle")
    )
    path = tmp_path / "predictions_oracle.parquet.brotli"
    write_submission(path, rows)
    return path


@pytest.mark.parametrize("longest", [249, 250])
def test_both_metrics_of_a_file_are_those_of_its_trials(jumping, tmp_path, longest):
    rows = jumping_rows(jumping, longest=longest)
    write_submission(tmp_path / LIVE_MAIN, np.random.default_rng(0).permutation(rows))
    score = score_file(tmp_path / LIVE_MAIN, jumping, Answered())
    assert (score.tier, score.trials, score.ceiling) == ("live_test_main", 6, None)
    for session in jumping:
        pairs = [
            (FILMS[r.trial], r.prediction, _truth(session, r.trial, longest))
            for r in rows
            if r.mouse == session.name
        ]
        single = single_trial_correlation(pair[1:] for pair in pairs)
        average = correlation_to_average(p for p in pairs if p[0] == "shown twice")
        np.testing.assert_allclose(score.single.per_neuron[session.name], single, atol=1e-9)
        np.testing.assert_allclose(score.average.per_neuron[session.name], average, atol=1e-9)
        assert score.average.mice[session.name].score == pytest.approx(average.mean())
    means = [each.mean() for each in score.single.per_neuron.values()]
    assert score.score == pytest.approx(np.mean(means))


def _truth(session, trial, longest):
    return server_units(session, Known().response(session, trial), longest)


def test_a_file_of_any_tier_is_scored_where_the_tier_is_told(demo, oracle):
    sessions, answers = open_sessions(demo.data), Answers.beside(demo.data)
    with pytest.raises(UserError, match="--tier"):
        score_file(oracle, sessions, answers)
    score = score_file(oracle, sessions, answers, "oracle")
    assert score.trials == sum(len(session.trials("oracle")) for session in sessions)
    assert score.score == pytest.approx(score.ceiling)
    assert score.average is None  # every film of this tier was shown once
    with pytest.raises(UserError, match="is of tier oracle, not live_test_main"):
        score_file(oracle, sessions, answers, "live_test_main")


def test_a_name_that_tells_the_tier_is_believed(jumping, tmp_path):
    write_submission(tmp_path / LIVE_MAIN, jumping_rows(jumping))
    assert score_file(tmp_path / LIVE_MAIN, jumping, Answered(), "oracle").tier == "live_test_main"


def test_repeats_share_a_film_with_and_without_its_name(demo):
    first, second = open_sessions(demo.data)
    tiers = [
        (first.trials(t)[0], second.trials(t)[0]) for t in ("live_test_main", "final_test_main")
    ]
    for answers in (Answers(), Answers.beside(demo.data)):
        films = [(answers.film(first, a), answers.film(second, b)) for a, b in tiers]
        assert all(a == b for a, b in films)
        assert films[0] != films[1]


def test_numbers_are_written_as_json_and_neuron_by_neuron(jumping, tmp_path):
    write_submission(tmp_path / LIVE_MAIN, jumping_rows(jumping))
    score = score_file(tmp_path / LIVE_MAIN, jumping, Answered())
    write_scores(tmp_path / "s.json", [score])
    (file,) = json.loads((tmp_path / "s.json").read_text())["files"]
    assert (file["file"], file["tier"], file["trials"]) == (LIVE_MAIN, "live_test_main", 6)
    assert file["single_trial"]["score"] == score.score
    assert file["single_trial"]["ceiling"] is None
    assert file["to_average"]["mice"][SECOND]["score"] == score.average.mice[SECOND].score
    assert file["single_trial"]["quantiles"]["95"]["score"] == score.single.quantiles[95].score
    write_per_neuron(tmp_path / "s.csv", [score])
    with (tmp_path / "s.csv").open() as text:
        lines = list(csv.DictReader(text))
    assert len(lines) == sum(session.neurons for session in jumping)
    for session in jumping:
        its = [line for line in lines if line["mouse"] == session.name]
        assert [int(line["neuron_id"]) for line in its] == session.unit_ids.tolist()
        for name, each in (("single_trial", score.single), ("to_average", score.average)):
            assert [float(line[name]) for line in its] == each.per_neuron[session.name].tolist()


def test_the_table_has_a_line_for_everything(jumping, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(console.out, "width", 300)
    write_submission(tmp_path / LIVE_MAIN, jumping_rows(jumping))
    score = score_file(tmp_path / LIVE_MAIN, jumping, Answered())
    console.out.print(score_table([score]))
    text = capsys.readouterr().out
    for name in (
        "predictions_live_main",
        FIRST,
        SECOND,
        "over all neurons alike",
        "95 % of neurons",
    ):
        (line,) = [line for line in text.splitlines() if f" {name} " in line]
        assert line.count(" - ") == 4  # neither ceiling is known
    assert f"{score.average.whole.score:.4f}" in text


def test_the_command_line_takes_a_tier_and_writes_files(
    demo, oracle, tmp_path, capsys, monkeypatch
):
    words = ["score", oracle, "--data", demo.data, "--tier", "oracle"]
    words += ["--json", tmp_path / "s.json", "--per-neuron", tmp_path / "s.csv"]
    monkeypatch.setattr(console.out, "width", 300)
    monkeypatch.setattr(sys, "argv", ["ensemble", *map(str, words)])
    with pytest.raises(SystemExit) as caught:
        console.run(app, "python -m ensemble")
    assert not caught.value.code
    assert "predictions_oracle" in capsys.readouterr().out
    (file,) = json.loads((tmp_path / "s.json").read_text())["files"]
    assert file["to_average"] is None
    lines = (tmp_path / "s.csv").read_text().splitlines()
    assert len(lines) == 1 + sum(session.neurons for session in open_sessions(demo.data))
    assert lines[1].endswith(",")  # no correlation to average
