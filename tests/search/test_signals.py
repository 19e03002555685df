"""Signals end a search between its records, never within one."""

import os
import signal

import pytest

from search.signals import Flag, raised_by_signals


def terminate():
    os.kill(os.getpid(), signal.SIGTERM)


def write(flag, written):
    """A record within a record, in the middle of which SIGTERM comes."""
    with raised_by_signals(flag), flag.writing():
        with flag.writing():
            terminate()
            written.append("inner")
        written.append("outer")


def test_an_exit_waits_for_the_record_under_way():
    flag, written = Flag(), []
    with pytest.raises(SystemExit) as caught:
        write(flag, written)
    assert caught.value.code == 128 + signal.SIGTERM
    assert (written, flag.raised) == (["inner", "outer"], True)


def test_an_exit_is_at_once_where_nothing_is_written_and_comes_once():
    flag = Flag()
    with raised_by_signals(flag), pytest.raises(SystemExit):
        terminate()
    with flag.writing():
        written = True
    assert written
    assert flag.stop_all()


def test_ctrl_c_only_raises_the_flag_once():
    flag = Flag()
    with raised_by_signals(flag):
        os.kill(os.getpid(), signal.SIGINT)
        assert flag.raised
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
