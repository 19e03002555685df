"""Servers with one zip or with several sessions, and what fetches them."""

import threading

import pytest
from rich.filesize import decimal

from models.recordings.download import answers
from models.recordings.download.catalogue import NEW, address
from models.recordings.download.driver import download_sessions
from models.recordings.download.failures import SessionFailure
from models.recordings.download.patience import Patience
from models.recordings.download.places import Place
from models.recordings.download.session import SessionDownload
from tests.models.download.server import Reply, Server, contents, zip_of

PATH = "/mouse.zip"
FILES = {"data/videos/0.npy": bytes(range(256)) * 80, "meta/trials/tiers.npy": b"tiers"}
OTHERS = {"data/videos/0.npy": bytes(range(255, -1, -1)) * 80, "meta/trials/tiers.npy": b"tiers"}
CONTENT, CHANGED = zip_of(FILES), zip_of(OTHERS)
SIZE = len(CONTENT)
QUICK = Patience(tries=3, first=0.001, longest=0.002, silence=5)
ASKED = Reply()
"""The first request only asks what there is."""


@pytest.fixture
def small_chunks(monkeypatch):
    """Bytes that were received in part of a chunk are lost with their connection."""
    monkeypatch.setattr(answers, "CHUNK", 1024)


@pytest.fixture
def server(monkeypatch, small_chunks):  # noqa: ARG001
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Server() as server:
        yield server


class Notes(list):
    """A watcher that keeps what it is waited for."""

    def begin(self, session, doing, done=0):
        """Nobody looks."""

    at = begin

    def note(self, _session, text):
        self.append(text)


@pytest.fixture
def notes():
    return Notes()


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path, "mouse")


@pytest.fixture
def fetch(server, place, notes):
    """Do what a run does with one session; returns what it says of it."""

    def fetch(patience=QUICK):
        session = SessionDownload(place, server.url + PATH, patience, notes)
        stop = threading.Event()
        session.ask(stop)
        return session.fetch(stop, threading.Lock())

    return fetch


@pytest.fixture
def broken_off(server, fetch, place):
    """A run that had to give up when 4 kB were there."""
    file = server.put(PATH, CONTENT, ASKED, Reply(sent=4096))
    file.replies += [Reply(status=503)] * 3
    with pytest.raises(SessionFailure):
        fetch()
    assert place.zip.read_bytes() == CONTENT[:4096]
    server.requests.clear()
    return file


def assert_fetched(place, files=FILES):
    assert contents(place.folder) == files
    assert list(place.to.iterdir()) == [place.folder]


FEW = Patience(tries=2, first=0.001, longest=0.002, silence=5)
NAMES = tuple(NEW.values())[:3]
ONE = NAMES[0]
GONE = Reply(status=404)


def files_of(name):
    return {"data/videos/0.npy": name.encode() * 99, "meta/trials/tiers.npy": b"tiers"}


def size_of(name):
    return decimal(len(zip_of(files_of(name), f"{name}/")))


@pytest.fixture
def no_thread_is_left():
    before = set(threading.enumerate())
    yield
    more = set(threading.enumerate()) - before
    for thread in more:  # the server's own may still be at its last answer
        thread.join(5)
    assert not [thread for thread in more if thread.is_alive()]


@pytest.fixture
def gin(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Server() as server:
        for name in NAMES:
            server.put(address(name, ""), zip_of(files_of(name), f"{name}/"))
        yield server


@pytest.fixture
def to(tmp_path):
    return tmp_path / "deep/data"


class Told:
    """A watcher that keeps what there is to tell, and what bars there would be."""

    def __init__(self):
        self.lines, self.bars = [], {}

    def begin(self, session, doing, done=0):
        self.bars[session] = (doing, done)

    def at(self, session, done, total):
        assert done <= total
        self.bars[session] = (done, total)

    def note(self, session, text):
        self.bars[session] = text

    def end(self, session, result):
        self.bars.pop(session, None)
        if result is not None:
            self.lines.append((session, result))


@pytest.fixture
def told():
    return Told()


@pytest.fixture
def download(gin, to, told):
    def download(sessions=NAMES, count=2, patience=FEW, base=gin.url):
        download_sessions(to, sessions, told, base, count, patience)

    return download


def assert_there(to, *names):
    assert sorted(to.iterdir()) == sorted(to / name for name in names)
    for name in names:
        assert contents(to / name) == files_of(name)


def session_folder(folder):
    for part in ("data", "meta"):
        (folder / part).mkdir(parents=True)
    return folder
