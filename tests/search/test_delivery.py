"""A server that is away, slow, or refuses: nothing is lost, nothing is out of order, and it is said."""

import threading
import time

import pytest

from search import delivery as module
from search.delivery import Delivery
from search.mlflow_store import Refused
from search.outbox import Outbox

LONG = 120.0


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(module, "PAUSES", (0.01,))
    monkeypatch.setattr(module, "IDLE", 0.002)


class Server:
    """Keeps what is delivered; may be away, and refuses the records whose keys are said."""

    def __init__(self, refuses=()):
        self.kept, self.asked, self.refuses = [], [], refuses
        self.away, self.fails_after = "", 0

    def deliver(self, record, doubtful):
        self.asked.append((record["key"], doubtful))
        if self.away:
            raise ConnectionError(f"{self.away}\nand much more of it")
        if record["key"] in self.refuses:
            raise Refused("INVALID_PARAMETER_VALUE: bad")
        self.kept.append(record["key"])


class Started:
    """A delivery that runs, and what it has told."""

    def __init__(self, folder, server, before=0):
        self.outbox, self.told, self.server = Outbox(folder), [], server
        self.heard = threading.Event()
        self.delivery = Delivery(self.outbox, server.deliver, self.tell)
        self.put(*range(before))
        self.delivery.start()

    def tell(self, line):
        self.told.append(line)
        self.heard.set()

    def put(self, *keys):
        for key in keys:
            self.outbox.put({"do": "tags", "key": str(key)})

    def wait_for_a_line(self):
        assert self.heard.wait(LONG)
        self.heard.clear()


@pytest.fixture
def start(tmp_path):
    running = []

    def begin(server, before=0):
        running.append(Started(tmp_path, server, before))
        return running[-1]

    yield begin
    for each in running:
        each.delivery.close()


def test_what_waits_goes_out_in_order(start):
    server = Server()
    all_ = start(server, before=3)
    all_.put(3, 4)
    assert all_.delivery.wait(LONG)
    assert server.kept == list("01234")
    assert all_.told == []


def test_a_server_that_is_away_loses_nothing_and_is_spoken_of_once(start):
    server = Server()
    all_ = start(server)
    all_.put(0)
    assert all_.delivery.wait(LONG)
    server.away = "connection refused"
    all_.put(1, 2)
    all_.wait_for_a_line()
    while len(server.asked) < 6:
        time.sleep(0.001)
    assert all_.delivery.away == "connection refused"
    assert_wait_gives_up(all_.delivery)
    all_.put(3)
    server.away = ""
    all_.wait_for_a_line()
    assert all_.delivery.wait(LONG)
    assert server.kept == list("0123")
    assert all_.told == [
        "MLflow cannot be reached, its records wait on disk: connection refused",
        "MLflow is back, the records that waited go out",
    ]


def test_only_what_may_have_gone_out_before_is_doubtful(start, tmp_path):
    earlier = Outbox(tmp_path)
    for key in "012":
        earlier.put({"do": "tags", "key": key})
    server = Server()
    server.away = "away"
    all_ = start(server)
    all_.wait_for_a_line()
    all_.put(3)
    server.away = ""
    all_.wait_for_a_line()
    assert all_.delivery.wait(LONG)
    doubts = dict(server.asked)
    assert doubts == {"0": True, "1": True, "2": True, "3": False}
    server.away = "away again"
    all_.put(4, 5)
    all_.wait_for_a_line()
    server.away = ""
    all_.wait_for_a_line()
    assert all_.delivery.wait(LONG)
    assert dict(server.asked)["4"], "the server may have done what it did not answer to"
    assert not dict(server.asked)["5"]


def test_a_record_that_is_refused_holds_nothing_up_and_is_said_once(start):
    server = Server(refuses={"1", "3"})
    all_ = start(server, before=5)
    assert all_.delivery.wait(LONG)
    assert server.kept == list("024")
    (line,) = all_.told
    assert "INVALID_PARAMETER_VALUE: bad" in line
    assert "left out" in line
    assert not all_.delivery.away


def test_what_is_not_delivered_waits_for_the_next_process(start, tmp_path):
    server = Server()
    server.away = "away"
    all_ = start(server, before=2)
    all_.wait_for_a_line()
    all_.delivery.close()
    assert Outbox(tmp_path).left == 2
    later = start(Server())
    assert later.delivery.wait(LONG)
    assert later.server.kept == list("01")


def test_a_search_that_ends_before_it_delivers_does_not_wait(tmp_path):
    outbox = Outbox(tmp_path)
    outbox.put({"do": "tags", "key": "0"})
    delivery = Delivery(outbox, Server().deliver, print)
    assert_wait_gives_up(delivery)
    delivery.close()


def assert_wait_gives_up(delivery):
    waiting = threading.Thread(target=delivery.wait, args=(10 * LONG,), daemon=True)
    waiting.start()
    waiting.join(LONG)
    assert not waiting.is_alive()
    assert delivery.outbox.left
