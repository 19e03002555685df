"""Fetching from servers that do not answer, answer something else, or are not there."""

import dataclasses
import threading
import time

import pytest

from models.recordings.download import answers, patience
from models.recordings.download import fetch as fetch_module
from models.recordings.download.failures import SessionFailure, Stopped, TryAgain
from models.recordings.download.patience import Patience
from models.recordings.download.session import SessionDownload
from tests.models.download.conftest import (
    ASKED,
    CONTENT,
    PATH,
    QUICK,
    assert_fetched,
)
from tests.models.download.server import Reply, zip_of


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again(server, fetch, place, notes, status):
    busy = [Reply(status=status, body=b"<html>busy</html>")] * 2
    server.put(PATH, CONTENT, *busy, ASKED, *busy)
    fetch()
    assert_fetched(place)
    assert len(notes) == 4
    assert all(note.startswith(f"{status} ") for note in notes)


def test_silence_is_tried_again(server, fetch, place, notes):
    server.put(PATH, CONTENT, ASKED, Reply(silent=True))
    fetch(dataclasses.replace(QUICK, silence=0.2))
    assert_fetched(place)
    assert notes == ["no answer in time; trying again in 0 s"]


def test_what_brought_something_is_gone_on_with_after_a_short_pause(server, fetch, monkeypatch):
    seconds = []
    monkeypatch.setattr(fetch_module, "pause", lambda _stop, pause: seconds.append(pause))
    server.put(PATH, CONTENT, ASKED, *[Reply(sent=1024)] * 3)
    fetch()
    assert seconds == [QUICK.first] * 3


def test_a_pause_lasts_and_ends_with_the_download():
    stop = threading.Event()
    begun = time.monotonic()
    patience.pause(stop, 0.05)
    assert time.monotonic() - begun >= 0.05
    stop.set()
    with pytest.raises(Stopped):
        patience.pause(stop, 60)


def test_progress_starts_the_count_of_tries_anew(server, fetch, place):
    server.put(PATH, CONTENT, ASKED, *[Reply(sent=1024), Reply(sent=0)] * 15)
    fetch(dataclasses.replace(QUICK, tries=2))
    assert_fetched(place)
    assert len(server.starts(PATH)) == 31


def test_tries_without_progress_end(server, fetch, place):
    server.put(PATH, CONTENT, ASKED, Reply(sent=4096), *[Reply(sent=100)] * 99)
    with pytest.raises(SessionFailure, match="3 tries without progress, the last: ") as caught:
        fetch()
    assert server.url + PATH in caught.value.message
    assert server.starts(PATH) == [0, 4096, 4096, 4096]
    assert place.zip.read_bytes() == CONTENT[:4096]  # for the next run


def test_a_question_is_given_up_sooner_than_a_fetch(server, fetch):
    server.put(PATH, CONTENT, *[Reply(status=503)] * 9)
    with pytest.raises(SessionFailure, match="4 tries without progress, the last: 503"):
        fetch(dataclasses.replace(QUICK, tries=8))
    assert len(server.requests) == 4


def test_pauses_double_up_to_the_longest_and_as_the_server_wishes(server, fetch, monkeypatch):
    seconds = []
    monkeypatch.setattr(patience, "pause", lambda _stop, pause: seconds.append(pause))
    busy, wish = Reply(status=503), Reply(status=429, headers=(("Retry-After", "7"),))
    server.put(PATH, CONTENT, ASKED, busy, busy, busy, wish)
    fetch(Patience(tries=5, first=1, longest=3))
    assert seconds == [1, 2, 3, 7]


def test_a_server_s_wish_is_granted_within_reason(server, fetch, monkeypatch):
    seconds = []
    monkeypatch.setattr(patience, "pause", lambda _stop, pause: seconds.append(pause))
    wishes = ("999999999", "Mon, 01 Jan 2035 00:00:00 GMT", "-1")
    busy = [Reply(status=429, headers=(("Retry-After", wish),)) for wish in wishes]
    server.put(PATH, CONTENT, ASKED, *busy)
    fetch(Patience(tries=5))
    assert seconds == [600, 2, 4]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 451])
def test_what_will_not_pass_is_said_at_once(server, fetch, status):
    server.put(PATH, CONTENT, Reply(status=status))
    with pytest.raises(SessionFailure, match=f"must be at {server.url}.*found {status} "):
        fetch()
    assert len(server.requests) == 1


NO_ZIPS = {
    "a page": (b"<!DOCTYPE html><html>Sign in</html>", "<!DOCTYPE html><html>Sign in"),
    "a pointer": (
        b"/annex/objects/MD5-s15000000000--abc\n",
        "/annex/objects/MD5-s15000000000--abc",
    ),
    "noise": (b"\x00\xff[red]" * 50, "[red]"),
    "nothing": (b"", "an empty file"),
}


@pytest.mark.parametrize("kind", NO_ZIPS)
@pytest.mark.parametrize("ranges", [True, False])
def test_what_is_no_zip_is_quoted(server, fetch, place, kind, ranges):
    body, quoted = NO_ZIPS[kind]
    server.put(PATH, body, Reply(ranges=ranges))
    with pytest.raises(SessionFailure, match="must be a zip") as caught:
        fetch()
    assert quoted in caught.value.message
    assert len(caught.value.found) < 400
    assert len(server.requests) == 1
    assert list(place.to.iterdir()) == []


def test_a_file_that_was_packed_once_more_on_the_way_is_refused(server, fetch):
    server.put(PATH, CONTENT, Reply(headers=(("Content-Encoding", "gzip"),)))
    with pytest.raises(SessionFailure, match="packed as gzip"):
        fetch()


def test_a_server_that_is_not_there(place, notes):
    session = SessionDownload(place, f"http://127.0.0.1:1{PATH}", QUICK, notes)
    with pytest.raises(
        SessionFailure, match="3 tries without progress, the last: Connection refused"
    ):
        session.ask(threading.Event())
    assert len(notes) == 2


def test_a_certificate_that_is_not_valid_will_not_pass_and_a_broken_handshake_may():
    error = answers.requests.exceptions.SSLError
    with pytest.raises(SessionFailure, match="valid certificate"), answers.network("https://a"):
        raise error("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed certificate")
    with pytest.raises(TryAgain, match="UNEXPECTED_EOF"), answers.network("https://a"):
        raise error("[SSL: UNEXPECTED_EOF_WHILE_READING]")


@pytest.mark.parametrize("address", ["http://", "http://[::1", "http://a b"])
def test_an_address_that_is_none(place, notes, address):
    session = SessionDownload(place, address + PATH, QUICK, notes)
    with pytest.raises(SessionFailure):
        session.ask(threading.Event())
    assert not notes


def test_a_redirection_is_followed_and_a_circle_is_not(server, fetch, place):
    server.put("/elsewhere.zip", CONTENT)
    there = Reply(status=302, body=b"", headers=(("Location", "/elsewhere.zip"),))
    server.put(PATH, CONTENT, there, there)
    fetch()
    assert_fetched(place)
    circle = Reply(status=302, body=b"", headers=(("Location", PATH),))
    server.put(PATH, CONTENT, *[circle] * 99)
    with pytest.raises(SessionFailure, match="address that can be asked"):
        fetch()


def test_a_zip_that_is_of_no_use_is_fetched_once_and_leaves_nothing(server, fetch, place):
    server.put(PATH, zip_of({"../data/0.npy": b"", "meta/0.npy": b""}))
    with pytest.raises(SessionFailure, match=r"'\.\./data/0\.npy'"):
        fetch()
    assert server.starts(PATH) == [0]
    assert list(place.to.iterdir()) == []


def test_what_has_arrived_when_the_download_ends_is_kept(server, place, notes):
    server.put(PATH, CONTENT)
    stop = threading.Event()
    notes.at = lambda _session, done, _total: stop.set() if done == 4096 else None
    session = SessionDownload(place, server.url + PATH, QUICK, notes)
    session.ask(stop)
    with pytest.raises(Stopped):
        session.fetch(stop, threading.Lock())
    assert place.zip.read_bytes() == CONTENT[:4096]


def test_a_damaged_zip_is_fetched_once_more(server, fetch, place):
    damaged = CONTENT.replace(bytes(range(256)), bytes(256), 1)
    server.put(PATH, CONTENT, ASKED, Reply(body=damaged))
    assert fetch() == "fetched 20.7 kB"
    assert_fetched(place)
    assert server.starts(PATH) == [0, 0]


def test_a_zip_that_is_damaged_twice_is_an_error_that_leaves_nothing(server, fetch, place):
    damaged = CONTENT.replace(bytes(range(256)), bytes(256), 1)
    server.put(PATH, damaged)
    with pytest.raises(SessionFailure, match=r"damaged, twice: Bad CRC-32.*videos/0\.npy"):
        fetch()
    assert server.starts(PATH) == [0, 0]
    assert list(place.to.iterdir()) == []


@pytest.mark.usefixtures("broken_off")
def test_a_damaged_part_of_an_earlier_run_is_fetched_once_more(server, fetch, place):
    place.zip.write_bytes(bytes(4096))
    assert fetch() == "fetched 20.7 kB"
    assert_fetched(place)
    assert server.starts(PATH) == [4096, 0]
