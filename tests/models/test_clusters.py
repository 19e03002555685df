"""What is said of a Ray cluster that is not there, or that refuses, in both rooms that use one."""

import os

import pytest
import ray
from ray.exceptions import AuthenticationError

from ensemble.predicting.cluster import joined
from models import clusters
from models.errors import UserError
from search.doctor.connection import connected

NOT_THERE = ConnectionError("Could not find any running Ray instance")
REFUSED = "RPC error: InvalidAuthToken: missing"
ROOMS = {"search": lambda: connected("auto"), "ensemble": lambda: joined("auto", 1)}


@pytest.mark.parametrize("room", ROOMS)
@pytest.mark.parametrize(
    ("raised", "printed", "message", "remedy"),
    [
        (AuthenticationError("Token"), "", "this machine has none", clusters.TOKEN),
        (ConnectionError("Failed"), REFUSED, "refuses this command's token", clusters.TOKEN),
        (NOT_THERE, "", "no Ray cluster runs on this machine", clusters.START),
        (RuntimeError("Version mismatch: Ray: 2.1"), "", "of other versions", clusters.INSTALL),
        (ValueError("x"), "", "cannot join the Ray cluster at auto: ValueError: x", clusters.JOIN),
    ],
)
def test_rooms_say_the_same_of_a_refusal(
    room, raised, printed, message, remedy, monkeypatch, capfd
):
    def refuse(**_):
        os.write(2, f"{printed}\n".encode())
        raise raised

    monkeypatch.setattr(ray, "init", refuse)
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    with pytest.raises(UserError) as caught, ROOMS[room]():
        pass
    assert message in caught.value.message
    assert caught.value.remedy == remedy
    assert capfd.readouterr().err == "", "Ray's own words are read, and not shown"


def test_what_to_do_about_a_token_names_variable_and_file():
    assert "RAY_AUTH_MODE=token" in clusters.TOKEN
    assert "auth_token" in clusters.TOKEN


@pytest.mark.parametrize(
    ("address", "message", "remedy"),
    [
        ("nowhere", "found 'nowhere'", clusters.JOIN),
        ("ray://host:10001", "--address is auto or HOST:PORT", clusters.JOIN),
        ("127.0.0.1:1", "no Ray cluster answers at 127.0.0.1:1", clusters.START),
        ("127.0.0.1:99999", "no Ray cluster answers", clusters.START),
    ],
)
def test_an_address_without_a_cluster_is_refused_before_ray_waits(address, message, remedy):
    with pytest.raises(UserError, match=message) as caught:
        clusters.check_address(address)
    assert caught.value.remedy == remedy
    clusters.check_address("local", ("auto", "local"))
