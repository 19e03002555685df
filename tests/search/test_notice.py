import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from search import notice
from search.notice import ADDRESS, Notice


class Metadata(BaseHTTPRequestHandler):
    """AWS's service on a machine, which asks for a token."""

    def do_PUT(self):
        self.answer(
            200, b"a token" if self.headers["X-aws-ec2-metadata-token-ttl-seconds"] else b""
        )

    def do_GET(self):
        assert self.path == "/latest/meta-data/spot/instance-action"
        self.server.asked += 1
        is_known = self.headers["X-aws-ec2-metadata-token"] == "a token"
        self.answer(200 if self.server.notice and is_known else 404, b"{}")

    def answer(self, code, body):
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Nothing."""


@pytest.fixture
def cloud(monkeypatch):
    with HTTPServer(("127.0.0.1", 0), Metadata) as server:
        server.notice, server.asked = False, 0
        monkeypatch.setenv(ADDRESS, f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setattr(notice, "EVERY", 0.0)
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        yield server
        server.shutdown()


def test_a_notice_is_seen_and_stays(cloud):
    found = Notice()
    assert not found.look()
    cloud.notice = True
    assert found.look()
    cloud.notice = False
    assert found.look()
    assert cloud.asked == 2


def test_it_is_not_asked_for_all_the_time(cloud, monkeypatch):
    monkeypatch.setattr(notice, "EVERY", 60.0)
    found = Notice()
    assert not any(found.look() for _ in range(5))
    assert cloud.asked == 1


def test_another_cloud_is_asked_once(monkeypatch):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        monkeypatch.setenv(ADDRESS, f"http://127.0.0.1:{nobody.getsockname()[1]}")
        found = Notice()
        assert not found.look()
        assert not found._is_there
