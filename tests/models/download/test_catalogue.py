import pytest

from models.errors import UserError
from models.recordings.download.catalogue import NEW, OLD, SESSIONS, address, chosen_sessions
from models.recordings.layout import NEW_HASH, OLD_HASH

NEW_ONE, OLD_ONE = NEW["29515-10-12"], OLD["29156-11-10"]


def test_there_are_five_new_and_five_old_mice():
    assert len(NEW) == len(OLD) == 5
    assert len(set(SESSIONS)) == 10
    assert f"dynamic29515-10-12-Video-{NEW_HASH}" == NEW_ONE
    assert f"dynamic29156-11-10-Video-{OLD_HASH}" == OLD_ONE


def test_new_and_old_mice_have_repositories_of_their_own():
    new, old = "pollytur/sensorium_2023_dataset", "pollytur/Sensorium2023Data"
    assert address(NEW_ONE) == f"https://gin.g-node.org/{new}/raw/master/{NEW_ONE}.zip"
    assert address(OLD_ONE) == f"https://gin.g-node.org/{old}/raw/master/{OLD_ONE}.zip"


def test_a_mirror_may_end_with_a_slash_and_have_a_path():
    assert address(NEW_ONE, "http://mirror:80/gin/").startswith("http://mirror:80/gin/pollytur/")


CHOICES = {
    "new": (["new"], list(NEW.values())),
    "old": (["old"], list(OLD.values())),
    "all": (["all"], list(SESSIONS)),
    "both": (["old", "new"], list(SESSIONS)),
    "the short form": (["29515-10-12"], [NEW_ONE]),
    "the folder's name": ([OLD_ONE], [OLD_ONE]),
    "some, twice": ([OLD_ONE, "29515-10-12", NEW_ONE, "29156-11-10"], [NEW_ONE, OLD_ONE]),
    "one of many": (["new", "29755-2-8"], list(NEW.values())),
}


@pytest.mark.parametrize("choice", CHOICES)
def test_mice_are_chosen_by_any_of_their_names(choice):
    words, sessions = CHOICES[choice]
    assert chosen_sessions(words) == sessions


def test_all_unknown_mice_are_named_with_all_that_are_known():
    with pytest.raises(UserError) as caught:
        chosen_sessions(["new", "29515", "Old", "29515-10-12"])
    assert caught.value.message == "there is no mouse '29515', 'Old'"
    assert all(mouse in caught.value.remedy for mouse in (*NEW, *OLD, "new", "old", "all"))
