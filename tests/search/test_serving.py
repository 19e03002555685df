import contextlib
import datetime
import os
import signal
import sqlite3
import sys
import threading

import pytest

from models.recordings.locks import locking
from search import serving
from search.serving import Server, back_up, keep_serving, serve, try_to_back_up


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "mlflow.db"
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE runs (name TEXT)")
        connection.execute("INSERT INTO runs VALUES ('first')")
    return path


def rows(path):
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return [name for (name,) in connection.execute("SELECT name FROM runs")]


def copies(tmp_path):
    return list((tmp_path / "backup").glob("*.db"))


def test_a_database_in_use_is_copied_as_of_one_moment(database, tmp_path):
    folder = (tmp_path / "backup").as_uri()
    with contextlib.closing(sqlite3.connect(database)) as writer:
        writer.execute("INSERT INTO runs VALUES ('not yet')")
        back_up(database, folder)
        (copy,) = copies(tmp_path)
        assert rows(copy) == ["first"]
        writer.commit()
    back_up(database, folder)
    assert copies(tmp_path) == [copy]
    assert rows(copy) == ["first", "not yet"]
    assert copy.stem == f"mlflow-{datetime.datetime.now(datetime.UTC).date()}"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["backup", "mlflow.db"]


def test_a_bucket_that_is_away_is_only_said(database, tmp_path):
    (tmp_path / "file").touch()
    said = []
    server = Server(database, "s3://a", (tmp_path / "file" / "backup").as_uri(), 5000)
    try_to_back_up(server, said.append)
    assert len(said) == 1
    assert "was not copied to" in said[0]


def test_the_server_listens_on_this_machine_only(database):
    words = Server(database, "s3://bucket/artifacts", None, 5001).command()
    assert words[words.index("--host") + 1] == "127.0.0.1"
    assert words[words.index("--port") + 1] == "5001"
    assert words[words.index("--artifacts-destination") + 1] == "s3://bucket/artifacts"


def test_a_server_that_ends_is_started_again(database, tmp_path, monkeypatch):
    """It ends by itself twice; SIGTERM ends the third, after a copy of the database."""
    note = tmp_path / "starts"
    script = (
        f"import pathlib, time; note = pathlib.Path({str(note)!r});"
        "note.open('a').write('x'); time.sleep(60 if len(note.read_text()) > 2 else 0)"
    )
    monkeypatch.setattr(Server, "command", lambda _: [sys.executable, "-c", script])
    monkeypatch.setattr(serving, "REST", 0.0)
    monkeypatch.setattr(serving, "LOOK", 0.01)
    said, over = [], threading.Event()

    def end():
        while not (note.exists() and note.read_text() == "xxx"):
            over.wait(0.02)
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=end)
    thread.start()
    keep_serving(Server(database, "", (tmp_path / "backup").as_uri(), 5000), 3600, said.append)
    thread.join()
    assert len(said) == 2
    assert len(copies(tmp_path)) == 1


def test_a_second_one_leaves_the_first_alone(database, monkeypatch, capsys):
    monkeypatch.setattr(serving, "keep_serving", lambda *_: pytest.fail("it was started"))
    with locking(database.with_suffix(".lock")) as mine:
        assert mine
        serve(database, "file:///a")
    assert "running already" in capsys.readouterr().out
