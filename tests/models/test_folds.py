import shutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from models.recordings.data_set import open_sessions
from models.recordings.folds import (
    NEAR,
    as_bits,
    as_text,
    content_groups,
    film_hash,
    fold_of_group,
)
from models.recordings.trials import load_trials
from models.recordings.truth import Truth, truth_folder

BITS = 640


def natural_film(seed, frames=240):
    """Smooth blobs that change slowly, with the mean and contrast of the competition's films."""
    noise = np.random.default_rng(seed).normal(size=(frames, 36, 64))
    smooth = gaussian_filter(noise, (6, 3, 3), mode="wrap")
    return np.clip(79 + 57 * smooth / smooth.std(), 0, 255)


def grating(angle, direction, frames=240):
    """Bars of 16 pixels a cycle that drift at 2 Hz under a window, as a Gabor does."""
    y, x = np.mgrid[:36, :64]
    along = x * np.cos(angle) + y * np.sin(angle)
    phase = along / 16 - direction * 2 * np.arange(frames)[:, None, None] / 30
    window = np.exp(-((x - 32) ** 2 + (y - 18) ** 2) / (2 * 14**2))
    return 128 + 100 * window * np.sin(2 * np.pi * phase)


def group_of(*films):
    return content_groups([film_hash(film) for film in films])


@pytest.mark.parametrize("seed", range(6))
def test_a_film_with_noise_or_a_little_brighter_is_the_same_film(seed):
    film = natural_film(seed)
    noisy = film + np.random.default_rng(99).normal(0, 4, film.shape)
    groups = group_of(film, noisy, film + 3, film - 3, film)
    assert len(set(groups)) == 1


def test_different_films_are_different():
    assert len(set(group_of(*(natural_film(seed) for seed in range(12))))) == 12


@pytest.mark.parametrize("angle", [0, 0.4, np.pi / 2])
def test_a_grating_to_one_side_is_not_one_to_the_other(angle):
    one, other, again = group_of(grating(angle, -1), grating(angle, 1), grating(angle, -1) + 3)
    assert one != other
    assert one == again


def test_films_of_all_lengths_are_hashed():
    film = natural_film(0)
    assert film_hash(film).shape == (BITS,)
    assert film_hash(film[:1]).shape == (BITS,)
    assert not np.array_equal(film_hash(film), film_hash(film[:100]))
    np.testing.assert_array_equal(film_hash(film), film_hash(film[:224]))


def flipped(bits, count, first=0):
    changed = bits.copy()
    changed[first : first + count] ^= True
    return changed


def test_chains_of_near_hashes_are_one_group():
    near, far = round(NEAR * BITS) - 2, round(NEAR * BITS) + 2
    start = np.random.default_rng(0).random(BITS) < 0.5
    chain = [start, flipped(start, near), flipped(flipped(start, near), near, first=near)]
    assert len(set(content_groups(chain))) == 1
    assert len(set(content_groups([chain[0], chain[2]]))) == 2
    assert len(set(content_groups([start, flipped(start, far)]))) == 2


@given(st.integers(0, 2**32 - 1), st.randoms(use_true_random=False))
def test_groups_do_not_depend_on_the_order_of_films(seed, random):
    generator = np.random.default_rng(seed)
    starts = list(generator.random((5, BITS)) < 0.5)
    hashes = starts + [flipped(start, 30, first) for first, start in enumerate(starts[:3])]
    groups = dict(zip((bits.tobytes() for bits in hashes), content_groups(hashes), strict=True))
    random.shuffle(hashes)
    assert content_groups(hashes) == [groups[bits.tobytes()] for bits in hashes]
    assert len(set(groups.values())) == 5


def test_a_fold_follows_from_the_group_for_ever():
    assert [fold_of_group(group, 5) for group in ("00", "ff", "00ff", "8a41")] == [2, 1, 4, 1]


def test_folds_are_about_equal():
    folds = [fold_of_group(f"{number:08x}", 5) for number in range(1000)]
    counts = np.bincount(folds)
    assert len(counts) == 5
    assert counts.min() > 150


def groups_in(data):
    return {
        (mouse.session.name, trial.number): trial.group
        for mouse in load_trials(data, ("train", "oracle"))
        for trial in mouse.trials
    }


def test_films_are_grouped_over_all_mice(recordings):
    truth = Truth(truth_folder(recordings))
    of_film, mice = {}, {}
    for (mouse, number), group in groups_in(recordings).items():
        film = truth.video_id(mouse, number)
        of_film.setdefault(film, set()).add(group)
        mice.setdefault(film, set()).add(mouse)
    assert all(len(groups) == 1 for groups in of_film.values())
    assert len({group for groups in of_film.values() for group in groups}) == len(of_film)
    assert any(len(seen) == 2 for seen in mice.values())


def test_another_mouse_changes_no_fold(recordings, tmp_path):
    both = groups_in(recordings)
    for session in open_sessions(recordings):
        alone = groups_in(shutil.copytree(session.path, tmp_path / session.name))
        assert alone.items() < both.items()


def random_hashes(count):
    return list(np.random.default_rng(1).random((count, BITS)) < 0.5)


def test_hashes_and_hexadecimal_digits_are_the_same():
    for bits in random_hashes(3):
        text = as_text(bits)
        assert len(text) == BITS / 4
        np.testing.assert_array_equal(as_bits(text), bits, strict=True)


def test_no_films_have_no_groups():
    assert content_groups([]) == []


def test_a_group_is_called_by_its_most_frequent_hash_and_of_equals_the_smallest():
    (start,) = random_hashes(1)
    near = flipped(start, 30)
    texts = sorted([as_text(start), as_text(near)])
    assert content_groups([start, near]) == [texts[0]] * 2
    assert content_groups([start, near, near]) == [as_text(near)] * 3
    assert content_groups([start, near, start]) == [as_text(start)] * 3


@pytest.mark.parametrize("first", [0, 1])
def test_known_groups_keep_their_names(first):
    (start,) = random_hashes(1)
    forms = sorted([start, flipped(start, 30)], key=as_text)
    old, new = forms[first], forms[1 - first]
    known = {as_text(old): as_text(old)}
    assert content_groups([new, new, old], known) == [as_text(old)] * 3
    assert content_groups([new, new], known) == [as_text(old)] * 2  # nobody shows it now
    assert content_groups([new, new, old]) == [as_text(new)] * 3  # as it would be without


def test_a_film_that_joins_known_groups_gives_all_the_name_of_most_trials():
    one, other, far = random_hashes(3)
    other = flipped(one, 80)
    between = flipped(one, 40)
    known = {as_text(bits): as_text(bits) for bits in (one, other, far)}
    for shown, name in (([one, one, other], one), ([one, other, other], other)):
        groups = content_groups([*shown, between, far], known)
        assert groups == [as_text(name)] * 4 + [as_text(far)]
    smaller = min(as_text(one), as_text(other))
    assert content_groups([one, other, between, between], known) == [smaller] * 4


def test_a_known_hash_that_nobody_shows_connects_those_near_to_it():
    (one,) = random_hashes(1)
    between, other = flipped(one, 40), flipped(one, 80)
    known = {as_text(bits): as_text(one) for bits in (one, between)}
    assert content_groups([other, one], known) == [as_text(one)] * 2
    assert content_groups([other], known) == [as_text(one)]
