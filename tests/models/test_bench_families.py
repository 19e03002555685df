import dataclasses
import json
import math

import pytest

from models.bench.families import (
    FamilyResult,
    Plan,
    bench_families,
    family_table,
    figures,
)
from models.bench.family import Shares, read_shares, train_and_score
from models.bench.processes import run_modules
from models.errors import UserError
from models.evaluation import score_run
from models.networks.registry import FAMILIES, FLOOR
from models.recordings.synthetic import Recipe
from tests.models.conftest import RECIPE
from tests.models.tiny import config_of

SHORT = {"epochs": 1, "clips_per_epoch": 4, "batch_size": 2}
TINY = Plan(
    RECIPE,
    {
        family: {
            "network": config_of(family).network.model_dump(mode="json"),
            "data": {"folds": 2, "downsample": 4},
            "training": SHORT,
            "inference": {"stride": 50},
        }
        for family in ("motion_energy", FLOOR)
    },
)


def result(family, *mains, ood=0.5):
    return FamilyResult(family, tuple(Shares(main, ood, 1000, 60.0) for main in mains))


def test_the_recipe_has_a_configuration_of_every_family():
    plan = Plan.read()
    assert sorted(plan.families) == sorted(FAMILIES)
    configs = [plan.config(family, seed=2) for family in plan.families]
    assert [config.network.family for config in configs] == [*plan.families]
    assert {config.seed for config in configs} == {2}
    assert (plan.recordings.mice, plan.recordings.neurons) == (3, 200)


def test_the_floor_is_always_measured_and_comes_first():
    assert TINY.chosen([]) == [FLOOR, "motion_energy"]
    assert TINY.chosen(["motion_energy", "motion_energy"]) == [FLOOR, "motion_energy"]
    assert TINY.chosen([FLOOR]) == [FLOOR]
    with pytest.raises(UserError, match="no family 'oracle'") as caught:
        TINY.chosen(["oracle"])
    assert "motion_energy" in caught.value.remedy


def test_the_command_refuses_a_family_that_is_not_there(refused):
    refused(["bench", "families", "--family", "oracle"], "the recipe has no family 'oracle'")


def test_figures_are_means_and_spreads_beside_the_floor_s():
    made = figures([result(FLOOR, 0.2, 0.4), result("vivit", 0.5, 0.7)])
    by_name = {figure.name: figure for figure in made}
    mean = by_name["ceiling_share_main.vivit"]
    assert (mean.value, mean.baseline, mean.ratio) == pytest.approx((0.6, 0.3, 2.0))
    spread = by_name["ceiling_share_main_spread.vivit"]
    assert (spread.value, spread.ratio) == pytest.approx((0.1 * math.sqrt(2), 1.0))
    assert by_name[f"ceiling_share_ood.{FLOOR}"].ratio == 1
    assert not any(name.startswith("ceiling_share_ood_spread") for name in by_name)  # all equal
    json.dumps([dataclasses.asdict(figure) for figure in made], allow_nan=False)


def test_above_the_floor_is_every_seed_on_both_tracks():
    floor = result(FLOOR, 0.2, 0.4)
    assert result("vivit", 0.41, 0.7, ood=0.6).above(floor)
    assert not result("vivit", 0.39, 0.9, ood=0.6).above(floor)
    assert not result("vivit", 0.41, 0.7, ood=0.5).above(floor)


def test_one_seed_does_not_tell():
    shown = family_table([result(FLOOR, 0.2), result("vivit", 0.9)])
    assert [*shown.columns[-1].cells] == ["-", "one seed does not tell"]
    assert math.isnan(result("vivit", 0.9).spread("main"))


def test_a_run_goes_on_and_its_shares_are_those_of_its_score(recordings, tmp_path):
    config = config_of("motion_energy").model_dump_json()
    shares = train_and_score(tmp_path / "run", recordings, config)
    assert read_shares(tmp_path / "run") == shares
    rows = score_run(recordings, tmp_path / "run", None, normalise=False, device="cpu")
    share = {row.tier: row.score / row.ceiling for row in rows if not row.kind}
    assert shares.main == pytest.approx((share["live_test_main"] + share["final_test_main"]) / 2)
    assert shares.ood == pytest.approx((share["live_test_bonus"] + share["final_test_bonus"]) / 2)
    assert shares.cpu_s > 0
    again = train_and_score(tmp_path / "run", recordings, config)
    assert again == shares


def test_a_process_that_fails_is_told_by_its_last_line():
    told = {}
    commands = [("json.tool", "/nowhere/at/all"), ("this",)]
    run_modules(commands, 2, lambda place, failure: told.update({place: failure}))
    assert told[1] == ""
    assert "/nowhere/at/all" in told[0]


@pytest.mark.slow
def test_finished_runs_are_not_trained_again(tmp_path):
    told = []
    first = bench_families(TINY, [], 1, 2, tmp_path, told.append)
    assert [each.family for each in first] == [FLOOR, "motion_energy"]
    assert "0 of 2 runs are there already" in told
    marks = {path: path.stat().st_mtime_ns for path in tmp_path.glob("runs/*/weights.pt")}
    assert len(marks) == 2
    told.clear()
    assert bench_families(TINY, [], 1, 2, tmp_path, told.append) == first
    assert told == ["2 of 2 runs are there already"]
    assert marks == {path: path.stat().st_mtime_ns for path in marks}
    other = Plan(Recipe(mice=1), TINY.families)
    with pytest.raises(UserError, match="was made by another recipe"):
        bench_families(other, [], 1, 1, tmp_path, told.append)
    changed = {
        name: config | {"training": SHORT | {"batch_size": 1}}
        for name, config in TINY.families.items()
    }
    with pytest.raises(UserError, match="another configuration"):
        bench_families(Plan(RECIPE, changed), [FLOOR], 1, 1, tmp_path, told.append)
