"""Fetching from servers that drop, change their files, or do not know ranges too well."""

import json

import pytest

from models.recordings.download.failures import SessionFailure
from models.recordings.download.partial import Partial
from models.recordings.download.versions import Version
from tests.models.download.conftest import (
    ASKED,
    CHANGED,
    CONTENT,
    OTHERS,
    PATH,
    SIZE,
    assert_fetched,
)
from tests.models.download.server import File, Reply, zip_of


def test_a_sound_server_is_asked_and_then_asked_for_everything(server, fetch, place):
    server.put(PATH, CONTENT)
    assert fetch() == "fetched 20.7 kB"
    assert_fetched(place)
    assert [request.range for request in server.requests] == ["bytes=0-511", None]


def test_dropped_connections_are_resumed_where_they_broke(server, fetch, place):
    server.put(PATH, CONTENT, ASKED, Reply(sent=5000), Reply(sent=0), Reply(sent=2048))
    fetch()
    assert_fetched(place)
    assert server.starts(PATH) == [0, 4096, 4096, 6144]


def test_what_an_earlier_run_has_fetched_is_not_fetched_again(broken_off, server, fetch, place):
    assert fetch() == "fetched 20.7 kB, 4.1 kB of it by an earlier run"
    assert_fetched(place)
    assert server.starts(PATH) == [4096]
    assert server.requests[-1].condition == broken_off.etag


@pytest.mark.usefixtures("broken_off")
def test_a_whole_zip_of_an_earlier_run_is_only_unpacked(server, fetch, place):
    place.zip.write_bytes(CONTENT)
    fetch()
    assert_fetched(place)
    assert server.starts(PATH) == []


CHANGES = {
    "another ETag": {"etag": '"2"'},
    "another time": {"modified": "Tue, 02 Jan 2024 00:00:00 GMT"},
    "another weak ETag": {"etag": 'W/"2"'},
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("seen", ["when asked", "later"])
@pytest.mark.parametrize("condition", [True, False], ids=["If-Range", "no If-Range"])
def test_a_part_of_a_changed_file_is_never_added_to(server, fetch, place, change, seen, condition):
    kept = {"etag": None, "modified": None}
    before = {key: "Mon, 01 Jan 2024" if key == "modified" else '"1"' for key in CHANGES[change]}
    old = File(CONTENT, **(kept | before))
    Partial(place).begin(Version(SIZE, old.etag, old.modified))
    place.zip.write_bytes(CONTENT[:4096])
    asked = Reply() if seen == "when asked" else Reply(file=old)
    sound = Reply(condition=condition)
    server.put(PATH, CHANGED, asked, sound, sound, **(kept | CHANGES[change]))
    fetch()
    assert_fetched(place, OTHERS)
    anew = {"when asked": [0], "later": [4096] if condition else [4096, 0]}
    assert server.starts(PATH) == anew[seen]


def test_a_file_that_becomes_another_after_it_was_asked_about(server, fetch, place):
    longer = OTHERS | {"meta/more.npy": b"more" * 999}
    server.put(PATH, zip_of(longer), Reply(file=File(CONTENT)), Reply(sent=SIZE), etag='"2"')
    fetch()
    assert_fetched(place, longer)
    assert len(server.starts(PATH)) == 2


def test_versions_with_nothing_in_common_are_not_the_same():
    assert not Version(etag='"1"').same_as(Version(length=1))
    assert not Version().same_as(Version())


@pytest.mark.usefixtures("broken_off")
def test_without_etag_and_time_another_length_is_another_file(server, fetch, place):
    longer = OTHERS | {"meta/more.npy": b"more"}
    place.note.write_text(json.dumps({"length": SIZE, "etag": None, "modified": None}))
    server.put(PATH, zip_of(longer), etag=None)
    fetch()
    assert_fetched(place, longer)
    assert server.starts(PATH) == [0]


def test_without_etag_and_time_the_same_length_is_the_same_file(server, fetch, place, broken_off):
    place.note.write_text(json.dumps({"length": SIZE, "etag": None, "modified": None}))
    broken_off.etag = None
    fetch()
    assert_fetched(place)
    assert server.starts(PATH) == [4096]
    assert server.requests[-1].condition is None


@pytest.mark.usefixtures("broken_off")
@pytest.mark.parametrize("note", [None, b"", b"{", b"[]", b'{"length": 20}', b"\xff"])
def test_a_part_without_a_readable_note_begins_anew(server, fetch, place, note):
    place.note.unlink()
    if note is not None:
        place.note.write_bytes(note)
    fetch()
    assert_fetched(place)
    assert server.starts(PATH) == [0]


@pytest.mark.usefixtures("broken_off")
def test_a_part_that_is_too_long_begins_anew(server, fetch, place):
    place.zip.write_bytes(CONTENT + b"more")
    fetch()
    assert_fetched(place)
    assert server.starts(PATH) == [0]


def test_a_weak_etag_is_compared_here_since_if_range_may_not_hold_it(server, fetch, place):
    server.put(PATH, CONTENT, ASKED, Reply(sent=4096), etag='W/"1"')
    fetch()
    assert_fetched(place)
    assert server.starts(PATH) == [0, 4096]
    assert server.requests[-1].condition is None


def test_a_server_that_knows_no_ranges_sends_everything_again(server, fetch, place, broken_off):
    broken_off.replies += [Reply(ranges=False)] * 2
    fetch()
    assert_fetched(place)
    assert server.starts(PATH) == [4096]


def test_a_server_without_ranges_that_never_gets_further_is_given_up(server, fetch):
    file = server.put(PATH, CONTENT, ASKED)
    file.replies += [Reply(ranges=False, sent=4096), Reply(ranges=False, sent=2048)] * 9
    with pytest.raises(SessionFailure, match="3 tries without progress"):
        fetch()
    assert len(server.starts(PATH)) == 4  # one that brought something, three that did not


def test_a_page_in_the_place_of_the_rest_leaves_the_part_alone(fetch, place, broken_off):
    broken_off.replies += [ASKED, Reply(ranges=False, body=b"<html>log in</html>")]
    with pytest.raises(SessionFailure, match="<html>log in"):
        fetch()
    assert place.zip.read_bytes() == CONTENT[:4096]
    fetch()
    assert_fetched(place)


WRONG_PARTS = {
    "another start": "bytes 0-99/20900",
    "another length": f"bytes 4096-{SIZE}/{SIZE + 1}",
    "another unit": "kilobytes 4-20/21",
    "nothing": "",
}


@pytest.mark.parametrize("wrong", WRONG_PARTS)
def test_a_part_that_was_not_asked_for_begins_anew(server, fetch, place, broken_off, wrong):
    broken_off.replies += [ASKED, Reply(content_range=WRONG_PARTS[wrong] or "?")]
    fetch()
    assert_fetched(place)
    assert server.starts(PATH) == [4096, 0]


def test_a_part_that_is_shorter_than_asked_for_is_gone_on_from(server, fetch, place):
    server.put(PATH, CONTENT, ASKED, Reply(sent=4096), Reply(body=CONTENT[4096:6144]))
    fetch()
    assert_fetched(place)
    assert server.starts(PATH) == [0, 4096, 6144]


def test_parts_with_nothing_in_them_are_given_up(server, fetch, broken_off):
    broken_off.replies += [ASKED, *[Reply(body=b"")] * 9]
    with pytest.raises(SessionFailure, match=r"the last: .* without anything new"):
        fetch()
    assert server.starts(PATH) == [4096] * 3


def test_a_part_that_is_longer_than_announced_begins_anew(server, fetch, place, broken_off):
    broken_off.replies += [ASKED, Reply(body=CONTENT[4096:] + b"more")]
    fetch()
    assert_fetched(place)
    assert server.starts(PATH) == [4096, 0]


@pytest.fixture
def lengthless(server, place):
    """A server that keeps the length back, and all bytes of an earlier run."""
    Partial(place).begin(Version(None, '"1"'))
    place.zip.write_bytes(CONTENT)
    return server.put(PATH, CONTENT, Reply(ranges=False, announced=False))


@pytest.mark.usefixtures("lengthless")
def test_no_byte_beyond_what_is_here_means_that_all_is_here(server, fetch, place):
    fetch()
    assert_fetched(place)
    assert server.starts(PATH) == [SIZE]


@pytest.mark.usefixtures("lengthless")
def test_no_byte_beyond_what_is_here_of_a_shorter_file_begins_anew(server, fetch, place):
    place.zip.write_bytes(CONTENT + b"more")
    fetch()
    assert_fetched(place)
    assert server.starts(PATH) == [SIZE + 4, 0]


def test_a_server_that_never_tells_the_length(server, fetch, place):
    file = server.put(PATH, CONTENT)
    file.replies += [Reply(ranges=False, announced=False)] * 2
    fetch()
    assert_fetched(place)
    assert server.starts(PATH) == [0]


def test_a_length_that_is_too_long_is_given_up(server, fetch, place):
    file = server.put(PATH, CONTENT)
    wrong = f"bytes 0-511/{SIZE + 9}"
    file.replies += [Reply(content_range=wrong), *[Reply(ranges=False, length=SIZE + 9)] * 9]
    with pytest.raises(SessionFailure, match="tries without progress"):
        fetch()
    assert not place.folder.exists()


def test_a_length_that_is_too_short_is_a_damaged_zip(server, fetch, place):
    file = server.put(PATH, CONTENT)
    wrong = f"bytes 0-511/{SIZE - 9}"
    file.replies += [Reply(content_range=wrong), *[Reply(length=SIZE - 9)] * 9]
    with pytest.raises(SessionFailure, match="damaged, twice"):
        fetch()
    assert server.starts(PATH) == [0, 0]
    assert list(place.to.iterdir()) == []
