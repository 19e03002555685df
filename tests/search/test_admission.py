import dataclasses
from pathlib import Path

import pytest

from models.errors import UserError
from search.admission import check_nodes, objections
from search.doctor.machine import describe, software
from search.doctor.nodes import Answer
from search.doctor.recordings import Recordings


class Two:
    """This machine twice, of which the second may be changed, or silent."""

    def __init__(self, change=lambda machine: machine):
        self.change = change

    def ask(self, function, *arguments):
        value = function(*arguments)
        return [Answer("a", value), Answer("b", self.change(value))]


def change(**changed):
    """For the answer to `describe`; what is asked about the storage stays as it is."""

    def apply(value):
        return dataclasses.replace(value, **changed) if hasattr(value, "software") else value

    return apply


def test_equal_nodes_are_admitted(data, tmp_path):
    assert check_nodes(Two(), tmp_path / "home", data) == ["a", "b"]


def test_who_would_have_to_fetch_the_recordings_is_known(data, tmp_path):
    def fetches(value):
        if not hasattr(value, "recordings"):
            return value
        lacking = dataclasses.replace(value.recordings, missing=1)
        return dataclasses.replace(value, recordings=lacking)

    assert check_nodes(Two(fetches), tmp_path / "home", data) == ["a"]


def test_another_version_of_the_code_is_refused(data, tmp_path):
    here = software()
    other = dataclasses.replace(here, versions={**here.versions, "code": "0badc0de"})
    with pytest.raises(UserError, match="b has code 0badc0de") as caught:
        check_nodes(Two(change(software=other)), tmp_path / "home", data)
    assert "not ready" in caught.value.message
    assert "the same checkout" in caught.value.remedy


def test_other_recordings_are_refused(data, tmp_path):
    others = Recordings("f0", mice=1, packed=1)
    with pytest.raises(UserError, match="b: fingerprint f0"):
        check_nodes(Two(change(recordings=others)), tmp_path / "home", data)


def test_everything_wrong_is_said_at_once(data, tmp_path):
    answers = [Answer("a", None, "no answer in 60 seconds"), Answer("b", describe(tmp_path, data))]
    none = Recordings(failure="no recordings in /data")
    answers.append(Answer("c", dataclasses.replace(answers[1].value, recordings=none)))
    found = [each.found for each in objections(answers, Path("/data"))]
    assert found == ["a: no answer in 60 seconds", "c: no recordings in /data"]


def test_a_home_that_a_node_does_not_see_is_refused(data, tmp_path):
    def blind(value):
        return value if hasattr(value, "software") else dataclasses.replace(value, file="")

    with pytest.raises(UserError, match="node b does not see"):
        check_nodes(Two(blind), tmp_path / "home", data)
    assert not (tmp_path / "home").exists()
