"""The download command: what it prints, how it fails, and what stops it."""

import io
import os
import signal
import subprocess
import sys
import time

import pytest
from rich.console import Console

from models.recordings.download import driver
from models.recordings.download.bars import shown
from models.recordings.download.catalogue import NEW, OLD, address
from models.recordings.download.patience import Patience
from tests.models.download.server import Reply, Server, contents, zip_of

ONE, OTHER = NEW["29515-10-12"], OLD["29513-3-5"]
FILES = {"data/videos/0.npy": bytes(range(256)) * 600, "meta/trials/tiers.npy": b"tiers"}
SECONDS = 20
"""Until a process that should have ended is given up."""


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Server() as server:
        for name in (*NEW.values(), *OLD.values()):
            server.put(address(name, ""), zip_of(FILES, f"{name}/"))
        yield server


@pytest.fixture
def call(call, server, tmp_path, monkeypatch):
    """Run the command: exit code, standard output and errors."""
    monkeypatch.setattr(driver, "PATIENCE", Patience(2, 0.001, 0.002))
    monkeypatch.delenv("SENSORIUM_GIN", raising=False)

    def download(*words, base=True):
        base = ["--base", server.url] if base else []
        return call("download", "--to", tmp_path / "data", *base, *words)

    return download


def test_a_pipe_gets_a_line_a_session_and_the_next_step(call, tmp_path):
    data = tmp_path / "data"
    code, printed, errors = call("--mice", "29515-10-12", "--at-once", "1")
    assert (code, errors) == (0, "")
    assert printed == f"{ONE}: fetched 154.1 kB\nnext: python -m models check {data}\n"
    assert contents(data / ONE) == FILES
    code, printed, _ = call("--mice", ONE)
    assert (code, printed.splitlines()[0]) == (0, f"{ONE}: already there")


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ([], NEW),
        (["--mice", "old", "--mice", "new"], NEW | OLD),
        (["--mice", "29515-10-12,old"], {"29515-10-12": ONE} | OLD),
    ],
)
def test_the_new_mice_are_what_is_fetched_unless_others_are_named(call, tmp_path, words, named):
    assert call(*words)[0] == 0
    fetched = {path.name for path in (tmp_path / "data").iterdir()}
    assert fetched == set(named.values())


def test_the_server_may_be_given_by_the_environment(call, server, monkeypatch):
    monkeypatch.setenv("SENSORIUM_GIN", server.url)
    assert call("--mice", OTHER, base=False)[0] == 0
    assert {request.path for request in server.requests} == {address(OTHER, "")}


def test_failures_exit_with_2_after_everything_else_was_fetched(call, server, tmp_path):
    del server.files[address(ONE, "")]
    server.files[address(OTHER, "")].content = b"<html>[moved]</html>"
    code, printed, errors = call("--mice", "all", "--at-once", "4")
    assert code == 2
    assert printed.count(": fetched 154.1 kB\n") == 8
    assert "next:" not in printed
    assert errors.startswith(f"error: download to {tmp_path}/data: 2 problems\n")
    assert f"  {ONE}: must be at {server.url}" in errors
    assert "404 Not Found" in errors
    assert "'<html>[moved]</html>'" in errors
    assert "next:  Run the same command again" in errors


MISTAKES = {
    "unknown mice": (["--mice", "29515", "--mice", "nwe"], "there is no mouse '29515', 'nwe'"),
    "no address": (["--base", "gin.g-node.org"], "begins with https://"),
    "no worker": (["--at-once", "0"], "--at-once"),
    "no server": (["--base", "http://127.0.0.1:1"], "Connection refused"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named(call, mistake):
    words, message = MISTAKES[mistake]
    code, printed, errors = call(*words)
    assert code == 2
    assert message in errors
    assert not printed


def test_help_says_what_is_next(call):
    code, printed, _ = call("--help")
    assert code == 0
    assert "python -m models check" in printed
    assert "SENSORIUM_GIN" in printed


@pytest.fixture
def started(server, tmp_path):
    """The command in a process of its own, at the moment when nothing more comes."""
    server.files[address(ONE, "")].replies = [Reply(), Reply(stall=100_000)]
    words = ["download", "--to", tmp_path, "--mice", ONE, "--base", server.url]
    process = subprocess.Popen(
        [sys.executable, "-m", "models", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    zipped = tmp_path / f".{ONE}.zip"
    end = time.monotonic() + SECONDS
    while not (zipped.exists() and zipped.stat().st_size) and time.monotonic() < end:
        time.sleep(0.01)
    yield process
    process.kill()
    process.communicate()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL, signal.SIGTERM])
def test_a_run_that_is_stopped_ends_at_once_and_the_next_goes_on(
    started, call, server, tmp_path, how
):
    started.send_signal(how)
    _, errors = started.communicate(timeout=SECONDS)
    assert started.returncode == (130 if how == signal.SIGINT else -how)
    assert b"Traceback" not in errors
    here = tmp_path / f".{ONE}.zip"
    size = here.stat().st_size
    assert 0 < size < 100_000
    assert here.read_bytes() == zip_of(FILES, f"{ONE}/")[:size]
    (tmp_path / "data").symlink_to(tmp_path)
    code, printed, _ = call("--mice", ONE)
    assert (code, "of it by an earlier run" in printed) == (0, True)
    assert server.starts(address(ONE, "")) == [0, size]
    assert contents(tmp_path / ONE) == FILES


def terminal():
    return Console(
        file=io.StringIO(), force_terminal=True, width=120, soft_wrap=True, highlight=False
    )


def test_a_terminal_gets_bars_and_lines_between_them():
    out, err = terminal(), terminal()
    with shown(out, err) as bars:

        def drawn():
            """What is there when the bars make way for a line."""
            err.file.seek(0)
            err.file.truncate()
            bars.end("mouse", "there")
            return err.file.getvalue()

        bars.begin(ONE, "asking")
        bars.end(ONE, None)
        bars.begin(ONE, "fetching", 10**9)
        assert "1.0/? GB" in drawn()
        bars.note(ONE, "503 [busy]; trying again in 4 s")
        assert "29515-10-12 503 [busy]; trying again in 4 s" in drawn()
        bars.at(ONE, 2 * 10**9, 15 * 10**9)
        assert "29515-10-12 fetching" in (text := drawn())
        assert "2.0/15.0 GB" in text
        bars.end(ONE, "fetched 15.0 GB")
        assert "29515-10-12" not in drawn()
    lines = [*["mouse: there"] * 3, f"{ONE}: fetched 15.0 GB", "mouse: there"]
    assert out.file.getvalue().splitlines() == lines


def test_a_pipe_gets_no_bars():
    err = Console(file=io.StringIO(), width=120)
    with shown(terminal(), err) as bars:
        bars.begin(ONE, "fetching")
        bars.at(ONE, 1, 2)
        bars.note(ONE, "503")
        bars.end(ONE, "fetched")
    assert err.file.getvalue() == ""


def test_the_command_line_is_there_without_what_only_a_download_needs():
    code = "import sys, models.cli; print({'requests', 'tenacity'} & set(sys.modules))"
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONSTARTUP"}
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    assert run.stdout == "set()\n"
