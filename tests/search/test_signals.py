"""Signals end a search between its records, never within one."""

import os
import signal
import threading

import pytest

from search.signals import Flag, raised_by_signals


def terminate():
    os.kill(os.getpid(), signal.SIGTERM)


def interrupt():
    os.kill(os.getpid(), signal.SIGINT)


def write(flag, written, send):
    """A record within a record, in the middle of which a signal comes."""
    with raised_by_signals(flag), flag.writing():
        with flag.writing():
            send()
            written.append("inner")
        written.append("outer")


def test_an_exit_waits_for_the_record_under_way():
    flag, written = Flag(), []
    with pytest.raises(SystemExit) as caught:
        write(flag, written, terminate)
    assert caught.value.code == 128 + signal.SIGTERM
    assert (written, flag.raised) == (["inner", "outer"], True)


def test_an_exit_is_at_once_where_nothing_is_written_and_comes_once():
    flag = Flag()
    with raised_by_signals(flag), pytest.raises(SystemExit):
        terminate()
    with flag.writing():
        written = True
    assert written
    assert flag.raised


def test_ctrl_c_ends_gently_then_at_once_and_then_as_ever():
    flag, calls = Flag(), []
    flag.on_raise = lambda: calls.append("raised")
    with raised_by_signals(flag):
        interrupt()
        assert (flag.raised, calls) == (True, ["raised"])
        with pytest.raises(SystemExit) as caught:
            interrupt()
        assert caught.value.code == 128 + signal.SIGINT
        with pytest.raises(KeyboardInterrupt):
            interrupt()
    assert calls == ["raised"]


def test_the_second_ctrl_c_waits_for_the_record_under_way_too():
    flag, written = Flag(), []

    def twice():
        interrupt()
        interrupt()

    with pytest.raises(SystemExit):
        write(flag, written, twice)
    assert written == ["inner", "outer"]


def test_a_flag_that_a_limit_has_raised_makes_the_first_ctrl_c_leave():
    flag = Flag()
    flag.raise_gently()
    with raised_by_signals(flag), pytest.raises(SystemExit):
        interrupt()


def test_terminating_does_not_ask_trials_to_pause():
    flag, calls = Flag(), []
    flag.on_raise = lambda: calls.append("raised")
    with raised_by_signals(flag), pytest.raises(SystemExit):
        terminate()
    assert calls == []


def test_an_error_in_a_record_ends_it():
    flag = Flag()
    with pytest.raises(ValueError, match="broken"), flag.writing():
        raise ValueError("broken")
    with pytest.raises(SystemExit):
        flag.leave(3)


def test_handlers_are_as_before_afterwards_and_untouched_in_other_threads():
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with raised_by_signals(Flag()):
        assert signal.getsignal(signal.SIGINT) is not before[0]
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
    entered = []

    def elsewhere():
        with raised_by_signals(Flag()):
            entered.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert entered == [before[0]]
