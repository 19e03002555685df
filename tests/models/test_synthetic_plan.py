"""Which mouse sees which film: recipes and sessions, without writing any."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import ConfigurationError
from models.recordings.layout import BONUS_TIERS, NEW_HASH, OLD_HASH
from models.recordings.synthetic import Recipe, stimuli
from models.recordings.synthetic.plan import kinds_of, plan_session


def test_a_recipe_names_every_number_out_of_range():
    with pytest.raises(ConfigurationError) as caught:
        Recipe(mice=0, neurons=-1, seed=-3, old_mice=4)
    assert {problem.where for problem in caught.value.problems} == {
        "mice",
        "neurons",
        "seed",
        "old_mice",
    }


def test_three_mice_cover_all_kinds_and_none_meets_a_kind_twice():
    for first in range(7):
        mice = range(first, first + 3)
        kinds = [[k for tier in BONUS_TIERS for k in kinds_of(mouse, tier)] for mouse in mice]
        assert all(len(set(of_one)) == 3 for of_one in kinds)
        assert set().union(*kinds) == set(stimuli.KINDS)
    assert {len(kinds_of(0, tier)) for tier in BONUS_TIERS} == {1, 2}


@given(st.integers(0, 50), st.integers(1, 4), st.integers(2, 30))
def test_an_oracle_film_is_never_a_train_film_of_the_same_mouse(seed, videos, train_trials):
    recipe = Recipe(mice=3, seed=seed, videos=videos, train_trials=train_trials, repeats=2)
    train, held_out = [], []
    for mouse in range(3):
        showings = plan_session(recipe, mouse).showings.values()
        train.append([showing.film for showing in showings if showing.tier == "train"])
        held_out.append({showing.film for showing in showings if showing.tier != "train"})
        assert len(set(train[mouse])) == train_trials
        assert not held_out[mouse] & set(train[mouse])
    assert set(train[0]) & held_out[1]
    assert set(train[0]) & set(train[2])


def test_a_good_share_of_the_train_films_recurs_across_mice():
    films = [
        {
            showing.film
            for showing in plan_session(Recipe(), mouse).showings.values()
            if showing.tier == "train"
        }
        for mouse in range(3)
    ]
    assert all(20 < len(films[a] & films[b]) < 50 for a, b in ((0, 1), (0, 2), (1, 2)))


@given(st.integers(0, 2**40), st.integers(1, 12))
def test_names_are_the_competitions_but_not_its_own(seed, mice):
    recipe = Recipe(mice=mice, seed=seed, old_mice=mice // 2, train_trials=2, videos=1, repeats=1)
    names = [plan_session(recipe, mouse).name for mouse in range(mice)]
    assert len(set(names)) == mice
    assert all(np.char.startswith(names, "dynamic"))
    hashes = {name.split("-Video-")[1] for name in names}
    assert len(hashes) == (2 if mice > 1 else 1)
    assert all(len(made) == 32 and int(made, 16) >= 0 for made in hashes)
    assert not hashes & {OLD_HASH, NEW_HASH}


def test_every_mouse_is_padded_to_a_real_length_that_holds_its_trials():
    plans = [plan_session(Recipe(mice=12), mouse) for mouse in range(12)]
    assert len({plan.frames for plan in plans}) >= 4
    for plan in plans:
        shown = {showing.kind for showing in plan.showings.values() if showing.kind}
        assert plan.frames >= max(stimuli.LENGTHS[kind][1] for kind in shown)
