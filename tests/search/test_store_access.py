"""With a store every node must reach the store, and none need share the home."""

import pytest

from models.errors import UserError
from models.remote import Remote
from search.admission import check_nodes
from search.doctor import storage
from search.doctor.driver import examine
from search.doctor.nodes import HERE, Answer, ThisMachine
from search.roll_call import RollCall


class Two:
    """This machine twice; the second has no rights in the store, and another home."""

    def __init__(self, refused=""):
        self.refused = refused

    def ask(self, function, *arguments):
        value = function(*arguments)
        other = self.refused if function is storage.visit_store else value
        return [Answer("10.0.0.1", value), Answer("10.0.0.2", other)]


@pytest.fixture
def store(tmp_path):
    return (tmp_path / "store").as_uri()


def test_each_node_has_a_line_and_nothing_is_left(store):
    found = storage.check_store(Two(), store)
    assert [each.state for each in found] == ["ok"] * 3
    assert [each.found for each in found] == [
        f"{store}: {whom} writes, reads, lists and removes"
        for whom in ("the driver", "10.0.0.1", "10.0.0.2")
    ]
    assert Remote.parse(store).sizes() == {}


def test_a_node_without_rights_is_a_problem_with_its_remedy(store):
    *_, found = storage.check_store(Two("cannot reach it: ACCESS_DENIED"), store)
    assert found.state == "problem"
    assert found.found == f"10.0.0.2 cannot use {store}: cannot reach it: ACCESS_DENIED"
    assert "role, or its keys" in found.remedy


def test_a_node_that_cannot_use_the_store_is_refused(data, tmp_path, store):
    check_nodes(Two(), tmp_path / "home", data, store)
    with pytest.raises(UserError, match=f"10.0.0.2 cannot use {store}: denied") as caught:
        check_nodes(Two("denied"), tmp_path / "home", data, store)
    assert "role" in caught.value.remedy


def test_a_node_that_joins_without_rights_gets_no_trials(data, tmp_path, store):
    call = RollCall(tmp_path, data, lambda _: None, lambda *_: None, store)
    assert call._of_store(Answer("10.0.0.1", "")) == []
    for answer in (Answer("10.0.0.2", "denied"), Answer("10.0.0.2", None, "no pyarrow")):
        (found,) = call._of_store(answer)
        assert f"10.0.0.2 cannot use {store}" in found.found


def test_what_is_not_a_folder_cannot_be_used(tmp_path, store):
    (tmp_path / "store").touch()
    assert "Not a directory" in storage.visit_store(store)
    (found,) = storage.check_store(ThisMachine(), store)
    assert (found.state, found.found.startswith("the driver cannot use")) == ("problem", True)


def test_the_doctor_looks_at_home_and_store(data, tmp_path, store):
    found = examine(data, tmp_path / "home", None, store)
    lines = {each.name: each for each in found}
    assert lines["storage"].state == lines["store"].state == "ok"
    assert HERE not in lines["store"].found
    wrong = examine(data, tmp_path / "home", None, "bucket/searches")
    assert any("a URI begins with" in each.found for each in wrong)
