"""A server of files on this machine that answers as it is told to: soundly, or in many other ways."""

import dataclasses
import http.server
import io
import re
import threading
import time
import zipfile

WAIT = 10
"""Seconds at most that a silent answer is silent."""


@dataclasses.dataclass(frozen=True)
class Reply:
    """How one request is answered; what is not set is as a sound server does it."""

    status: int | None = None
    ranges: bool = True
    """Whether Range is looked at; if not, everything is sent."""
    condition: bool = True
    """Whether If-Range is looked at."""
    content_range: str | None = None
    length: int | None = None
    """The Content-Length."""
    announced: bool = True
    """Whether the length is told at all."""
    sent: int | None = None
    """Bytes of the body after which the connection is closed."""
    body: bytes | None = None
    headers: tuple = ()
    file: "File | None" = None
    """What is served instead, such as what was there before a change."""
    silent: bool = False
    """Nothing comes, until the server stops."""
    stall: int | None = None
    """Bytes of the body after which nothing more comes, until the server stops."""
    together: int = 0
    """Requests that must have been answered at the same time before this one is."""


@dataclasses.dataclass
class File:
    """What is served under one path, and how its next requests are answered."""

    content: bytes
    etag: str | None = '"1"'
    modified: str | None = None
    replies: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class Request:
    """What was asked."""

    path: str
    range: str | None
    condition: str | None

    @property
    def start(self):
        """The first byte that was asked for; None if only the first bytes were, to learn of them."""
        if self.range is None:
            return 0
        start, end = self.range.removeprefix("bytes=").split("-")
        return None if end else int(start)


class Server:
    """Serves `files` at `url`; a context manager, at whose end nothing of it is left."""

    def __init__(self):
        self.files, self.requests = {}, []
        self.stopped = threading.Event()
        self.now = self.most = 0
        """Requests that are being answered, and how many there were at most."""
        self.lock = threading.Lock()
        handler = type("Handler", (Handler,), {"owner": self})
        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.http.daemon_threads = False  # so that closing waits for them
        self.http.handle_error = lambda *_: None  # clients that have gone are no news
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.01,))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        self.http.shutdown()
        self.thread.join()
        self.http.server_close()

    def put(self, path, content, *replies, **traits):
        """Serve `content`; the first requests get `replies`, the others sound answers."""
        self.files[path] = File(content, replies=list(replies), **traits)
        return self.files[path]

    def starts(self, path):
        """The first bytes that were asked for, request by request; without questions."""
        starts = [request.start for request in self.requests if request.path == path]
        return [start for start in starts if start is not None]


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    timeout = WAIT

    def log_message(self, *_):
        """Keep quiet."""

    def do_GET(self):
        with self.owner.lock:
            self.owner.now += 1
            self.owner.most = max(self.owner.most, self.owner.now)
        try:
            self.answer()
        finally:
            self.close_connection = True
            with self.owner.lock:
                self.owner.now -= 1

    def answer(self):
        """As the file's next reply has it."""
        condition = self.headers["If-Range"]
        self.owner.requests.append(Request(self.path, self.headers["Range"], condition))
        file = self.owner.files.get(self.path)
        if file is None:
            self.send(404, b"<html>not found</html>", Reply())
            return
        reply = file.replies.pop(0) if file.replies else Reply()
        file = reply.file or file
        end = time.monotonic() + WAIT
        while self.owner.most < reply.together and time.monotonic() < end:
            time.sleep(0.001)
        if reply.silent:
            self.owner.stopped.wait(WAIT)
            return
        status, body, headers = self.sound(file, reply)
        self.send(
            reply.status or status, body if reply.body is None else reply.body, reply, headers
        )

    def sound(self, file, reply):
        """Status, body and headers as HTTP has them."""
        size = len(file.content)
        headers = {"ETag": file.etag, "Last-Modified": file.modified}
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers["Range"] or "")
        condition = self.headers["If-Range"] if reply.condition else None
        if not wanted or not reply.ranges or condition not in (None, file.etag, file.modified):
            return 200, file.content, headers
        start = int(wanted[1])
        if start >= size:
            return 416, b"", {**headers, "Content-Range": f"bytes */{size}"}
        end = min(int(wanted[2] or size), size - 1)
        said = reply.content_range or f"bytes {start}-{end}/{size}"
        return 206, file.content[start : end + 1], {**headers, "Content-Range": said}

    def send(self, status, body, reply, headers=None):
        """Headers and as much of the body as the reply has it."""
        self.send_response(status)
        for name, value in [*(headers or {}).items(), *reply.headers]:
            if value is not None:
                self.send_header(name, value)
        if reply.announced:
            self.send_header("Content-Length", str(reply.length or len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body[: reply.sent if reply.stall is None else reply.stall])
        if reply.stall is not None:
            self.owner.stopped.wait(WAIT)


def zip_of(files, top="", compression=zipfile.ZIP_STORED):
    """The bytes of a zip that holds `files`, by path below the folder `top`."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", compression) as archive:
        for path, content in files.items():
            archive.writestr(zipfile.ZipInfo(f"{top}{path}"), content, compression)
    return packed.getvalue()


def contents(folder):
    """What is in a folder, as `zip_of` takes it."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}
