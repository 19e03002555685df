"""Records survive whatever happens to the process and to the disk, in their order."""

import builtins
import errno
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.outbox import Outbox


def records(count, first=0):
    return [{"do": "tags", "key": str(number), "n": number} for number in range(first, count)]


def filled(folder, count=4):
    outbox = Outbox(folder)
    for record in records(count):
        outbox.put(record)
    return outbox


def taken(outbox):
    """All that waits, delivered."""
    found = []
    while (record := outbox.oldest()) is not None:
        found.append(record)
        outbox.delivered()
    return found


def test_records_wait_in_their_order_and_for_the_next_process(tmp_path):
    outbox = filled(tmp_path)
    outbox.delivered()
    assert (outbox.sent, outbox.left) == (1, 3)
    later = Outbox(tmp_path)
    assert (later.sent, later.left) == (1, 3)
    later.put(records(5)[-1])
    assert taken(later) == records(5, first=1)
    assert (later.sent, later.left, later.oldest()) == (5, 0, None)
    assert list(Outbox(tmp_path).history()) == records(5)
    assert Outbox(tmp_path).left == 0


def test_an_empty_outbox_has_nothing(tmp_path):
    outbox = Outbox(tmp_path)
    assert (outbox.oldest(), outbox.left, list(outbox.history())) == (None, 0, [])


@given(cut=st.integers(0, 200), sent=st.integers(0, 5))
def test_a_half_line_is_cut_off_wherever_the_kill_came(tmp_path_factory, cut, sent):
    folder = tmp_path_factory.mktemp("outbox")
    filled(folder)
    (folder / "outbox.sent").write_text(str(sent))
    path = folder / "outbox.jsonl"
    content = path.read_bytes()
    content = content[: max(len(content) - cut, 0)]
    path.write_bytes(content)
    whole = content.count(b"\n")
    outbox = Outbox(folder)
    assert (outbox.sent, outbox.left) == (min(sent, whole), max(whole - sent, 0))
    outbox.put({"do": "end", "key": "", "n": 9})
    assert list(Outbox(folder).history()) == [*records(whole), {"do": "end", "key": "", "n": 9}]


@pytest.mark.parametrize("note", [None, "", "three"])
def test_where_the_note_is_lost_all_goes_out_again(tmp_path, note):
    taken(filled(tmp_path))
    (tmp_path / "outbox.sent").unlink()
    if note is not None:
        (tmp_path / "outbox.sent").write_text(note)
    assert taken(Outbox(tmp_path)) == records(4)


def test_all_is_sent_again_even_by_the_process_after_a_kill(tmp_path):
    outbox = filled(tmp_path)
    taken(outbox)
    outbox.send_again()
    assert (outbox.sent, outbox.left) == (0, 4)
    assert taken(Outbox(tmp_path)) == records(4)


def test_a_full_disk_takes_no_half_record(tmp_path, monkeypatch):
    outbox = filled(tmp_path, count=1)
    opened = Path.open

    def half(self, *arguments, **named):
        if self.name != "outbox.jsonl":
            return opened(self, *arguments, **named)
        file = builtins.open(self, "ab", buffering=0)  # noqa: PTH123, SIM115
        write = file.write

        class Full:
            def __enter__(self):
                return self

            def __exit__(self, *_):
                file.close()

            def write(self, line):
                write(line[: len(line) // 2])
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        return Full()

    with monkeypatch.context() as full:
        full.setattr(Path, "open", half)
        with pytest.raises(OSError, match="No space"):
            outbox.put(records(2)[-1])
    outbox.put({"do": "end", "key": "after"})
    assert [json.dumps(each) for each in outbox.history()] == [
        json.dumps(each) for each in [*records(1), {"do": "end", "key": "after"}]
    ]
    assert outbox.left == Outbox(tmp_path).left == 2


def test_a_note_that_cannot_be_written_holds_nothing_up(tmp_path):
    outbox = filled(tmp_path)
    (tmp_path / "outbox.new").mkdir()  # where the note is written before it is renamed
    assert taken(outbox) == records(4)
    assert (outbox.sent, outbox.left) == (4, 0)
