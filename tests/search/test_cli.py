import sys

import pytest
import torch

from models import console
from models.errors import UserError
from models.recordings.data_set import open_sessions
from models.recordings.session import fingerprint
from models.runs import tracking_database
from search import ui
from search.alone import alone
from search.cli import app
from search.limits import Limits
from search.plan import Plan, write_plan
from search.reading import load_space
from search.recorded import recorded
from search.resources import choose_resources, cpu_count


@pytest.fixture
def call(monkeypatch, capsys, tmp_path):
    """Runs `python -m search` in this process; gives the exit code and all that was printed."""
    monkeypatch.setenv("SENSORIUM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["search", *map(str, arguments)])
        code = 0
        try:
            console.run(app, "python -m search")
        except SystemExit as exit_:
            code = exit_.code or 0
        printed = capsys.readouterr()
        text = printed.out + printed.err
        assert "Traceback" not in text
        return code, text

    return run


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (("status", "nowhere"), "no search is called 'nowhere'"),
        (("run", "DATA", "--name", "x", "--trials", "0"), "'--trials'"),
        (("run", "DATA", "--name", "x", "--trials", "abc"), "--trials"),
        (("run", "DATA"), "--name"),
        (("run", "DATA", "--name", "../x"), "found '../x'"),
        (("run", "DATA", "--name", "x", "--space", "linaer"), "did you mean linear?"),
        (
            ("run", "DATA", "--name", "x", "--set", "training.epoch=3"),
            "did you mean training.epochs?",
        ),
        (("run", "DATA", "--name", "x", "--epochs", "0"), "greater than or equal to 1"),
        (("run", "DATA", "--name", "x", "--slots", "0"), "found --slots 0"),
        (("run", "DATA", "--name", "x", "--gpus-per-trial", "1.5"), "found 1.5"),
        (("run", "NOWHERE", "--name", "x"), "there is no folder"),
        (("run", "EMPTY", "--name", "x"), "holds no recording"),
        (("run", "DATA", "--name", "artifacts"), "the name 'artifacts' is taken"),
        (("run", "DATA", "--name", "x", "--sampler", "tpf"), "did you mean tpe?"),
        (("run", "DATA", "--name", "x", "--stopping", "bad"), "'asha', 'hyperband', 'median'"),
        (("run", "DATA", "--name", "x", "--warm-start", "y"), "no search is called 'y'"),
        (("run", "DATA", "--name", "x", "--keep", "0"), "'--keep'"),
        (("run", "DATA", "--name", "x", "--plateau", "0"), "'--plateau'"),
        (("run", "DATA", "--name", "x", "--hours", "0"), "'--hours'"),
        (("run", "DATA", "--name", "x", "--reduction", "1"), "'--reduction'"),
        (("run", "DATA", "--name", "x", "--brackets", "0"), "'--brackets'"),
        (("run", "DATA", "--name", "x", "--brackets", "9"), "found --brackets 9"),
        (("run", "DATA", "--name", "x", "--objective", "size"), "'score', 'parameters', 'seconds'"),
        (
            ("run", "DATA", "--name", "x", "--objective", "seconds", "--sampler", "tpe"),
            "TPE serves no search for score and seconds",
        ),
        (
            ("run", "DATA", "--name", "x", "--objective", "seconds", "--stopping", "median"),
            "--stopping median compares scores alone",
        ),
        (("resume", "nowhere"), "no search is called 'nowhere'"),
        (("resume", "nowhere", "--trials", "0"), "'--trials'"),
        (("resume",), "Missing argument"),
        (("rerun", "first"), "found 'first'"),
        (("rerun", "first/best"), "found 'first/best'"),
        (("rerun", "nowhere/3"), "no search is called 'nowhere'"),
        (("report", "nowhere"), "no search is called 'nowhere'"),
        (("ui",), "there is no search in"),
        (("sttus",), "No such command"),
    ],
)
def test_a_mistake_says_what_is_wrong_and_exits_with_2(call, data, tmp_path, arguments, wanted):
    (tmp_path / "empty").mkdir()
    places = {"DATA": data, "NOWHERE": tmp_path / "nowhere", "EMPTY": tmp_path / "empty"}
    code, text = call(*(places.get(each, each) for each in arguments))
    assert code == 2
    assert wanted in text
    assert not (tmp_path / "home").exists()


def test_a_space_file_with_mistakes_shows_all_of_them(call, data, tmp_path):
    file = tmp_path / "space.yaml"
    file.write_text("parameters: {training.epoch: {int: [1, 2]}, network.filters: {int: [2, 1]}}")
    code, text = call("run", data, "--name", "x", "--space", file)
    assert code == 2
    assert "did you mean training.epochs?" in text
    assert "the first bound is below the second" in text


def test_several_mistakes_are_said_at_once(call, tmp_path):
    asked = ("--name", "?", "--space", "nothing", "--warm-start", "earlier")
    code, text = call("run", tmp_path / "nowhere", *asked)
    assert code == 2
    assert "4 things are in the way" in text


COMMANDS = ("run", "resume", "rerun", "status", "list", "report", "doctor", "ui")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(call, command):
    code, text = call(command, "--help")
    assert code == 0
    assert f"Usage: python -m search {command}" in text
    assert "--home" in text
    assert command in call("--help")[1]


def test_a_search_that_is_running_is_not_resumed(call, data, tmp_path):
    folder = written(tmp_path, data, fingerprint=fingerprint(open_sessions(data)))
    with alone(folder):
        code, text = call("resume", "mine")
    assert code == 2
    assert "the search 'mine' is running" in text
    assert not (folder / "study.db").exists()


def test_a_search_is_not_resumed_on_other_recordings(call, data, tmp_path):
    folder = written(tmp_path, data, fingerprint="another")
    code, text = call("resume", "mine")
    assert code == 2
    assert "holds other recordings than 'mine' was begun with" in text
    assert not (folder / "study.db").exists()


def test_a_search_whose_recordings_are_gone_says_where_they_were(call, tmp_path):
    folder = written(tmp_path, tmp_path / "moved")
    code, text = call("resume", "mine")
    assert code == 2
    assert f"there is no folder {tmp_path / 'moved'}" in text
    assert not (folder / "study.db").exists()


def test_a_trial_that_is_not_there_is_not_trained_again(call, data, tmp_path):
    written(tmp_path, data)
    code, text = call("rerun", "mine/3")
    assert code == 2
    assert "the search 'mine' has no trial 3" in text


def test_the_doctor_finds_what_is_wrong_and_exits_with_1(call, tmp_path):
    code, text = call("doctor", tmp_path / "nowhere")
    assert code == 1
    assert "there is no folder" in text


def written(place, data, **asked):
    """The folder of a search that was begun on these recordings, and no more."""
    folder = place / "home" / "mine"
    folder.mkdir(parents=True)
    space = recorded(load_space("demo"))
    plan = Plan(name="mine", data=data, limits=Limits(trials=7), recorded=space, **asked)
    write_plan(folder, plan)
    return folder


def test_help_says_what_to_type_next(call):
    assert "python -m search run DATA --name demo --trials 8" in call("--help")[1]


def test_list_shows_what_is_there(call, tmp_path):
    assert "no searches in" in call("list")[1]
    written(tmp_path, tmp_path)
    code, text = call("list")
    assert code == 0
    assert "mine" in text
    assert "0/7" in text
    code, text = call("status", "mine")
    assert code == 2
    assert "has not tried anything yet" in text
    assert "known here: mine" in call("status", "other")[1]


def test_the_ui_is_served_to_this_machine_from_the_right_database(tmp_path, monkeypatch):
    words = ui.command(tmp_path, 5001)
    assert words[words.index("--host") + 1] == "127.0.0.1"
    assert words[words.index("--backend-store-uri") + 1] == f"sqlite:///{tmp_path}/mlflow.db"
    assert words[words.index("--port") + 1] == "5001"
    tracking_database(tmp_path).touch()
    with ui.socket.socket() as taken:
        taken.bind((ui.HOST, 0))
        taken.listen()
        with pytest.raises(UserError, match="is in use"):
            ui.check(tmp_path, taken.getsockname()[1])
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://head:5000")
    with pytest.raises(UserError, match="http://head:5000"):
        ui.check(tmp_path, 5001)


@pytest.mark.parametrize(
    ("gpus", "slots", "share", "wanted"),
    [
        (0, None, None, (cpu_count(), 0, "cpu")),
        (0, 3, None, (3, 0, "cpu")),
        (4, None, None, (4, 1, "auto")),
        (4, None, 0.5, (8, 0.5, "auto")),
        (4, None, 0.4, (8, 0.4, "auto")),
        (4, None, 2, (2, 2, "auto")),
        (4, 1, None, (1, 1, "auto")),
        (4, 6, 0, (6, 0, "cpu")),
    ],
)
def test_resources(monkeypatch, gpus, slots, share, wanted):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    found = choose_resources(slots, share)
    assert (found.slots, found.gpus_per_trial, found.device) == wanted
    assert found.threads >= 1


@pytest.mark.parametrize(
    ("gpus", "slots", "share"), [(0, None, 1), (2, 3, None), (2, None, -1), (1, None, 2)]
)
def test_gpus_that_are_not_there_are_refused(monkeypatch, gpus, slots, share):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    with pytest.raises(UserError, match=r"GPU|gpus-per-trial"):
        choose_resources(slots, share)
