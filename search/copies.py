"""What a driver keeps in the store: the search's records, that it is at work, and the pause.

    <store>/<search>/driver.json       who drives the search, and when it last said so
    <store>/<search>/search.json       what was asked for, by which a folder is known as a search
    <store>/<search>/records.tar.gz    see `search.archive`
    <store>/<search>/pause             runs pause while it is there

The search's folder has a driver.json as well: whoever wrote that one was here, and is no more.
"""

import contextlib
import json
import secrets
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from models.bringing import store_of
from models.errors import RunError, StorageError
from models.files import write_json
from models.remote import Remote
from search.archive import RECORDS, is_of_past, packed, unpacked
from search.doctor.storage import ACCESS, visit_store
from search.mirror import persistently
from search.plan import Plan, store_uri

DRIVER = "driver.json"
PLAN = "search.json"
EVERY = 60.0
"""Seconds between two copies, and after one that failed."""
GONE = 180.0
"""Seconds after which a driver that says nothing is taken for lost."""
ENDING = 60.0
"""Seconds for which the last copy is tried."""


def check_new(plan: Plan) -> None:
    """The store, if there is one, can be used from here, and has no such search. Raises UserError."""
    if not plan.store:
        return
    refused = visit_store(plan.store)
    if refused:
        raise StorageError(f"cannot use {plan.store}: {refused}", ACCESS)
    if Remote.parse(store_uri(plan)).has(PLAN):
        message = f"the name '{plan.name}' is taken in {plan.store}"
        remedy = f"Choose another --name, or see 'python -m search fetch {plan.name}'."
        raise RunError(message, remedy)


class Copies:
    """One driver's part of a search's store; without a store nothing is done.

    While the search runs, copies are sent by a thread: a slow network does not hold up the trials.
    """

    def __init__(self, folder: Path, pause: Path, tell: Callable[[str], None]) -> None:
        """`tell` gets a line when the store goes away, and when it is back, from any thread."""
        self.folder, self.pause, self.tell = folder, pause, tell
        self.store = store_of(folder)
        self.taken = False
        """Whether another driver has taken the search over."""
        self._mark, self._before = secrets.token_hex(8), self._mark_here()
        self._begun = self._paused = False
        self._due = 0.0
        self._away = False
        self._thread = ThreadPoolExecutor(1, "copies")
        self._sending: Future[None] | None = None

    def begin(self) -> None:
        """Take the search; from here on its name is taken in the store.

        Raises RunError while another driver has it, or where another one went on with it elsewhere, and
        StorageError where the store is away.
        """
        if self.store is None:
            return
        self._check_free()
        self._check_newest()
        self._sign()
        self.store.remove(self._pause_name)
        self._copy(packed(self.folder))
        self._begun = True

    def tick(self) -> None:
        """Begin to send what is due, and return; where the store is away that is said, and waits."""
        if self.store is None or self.taken or not self._begun or self.is_sending():
            return
        paused, due = self.pause.exists(), time.monotonic() >= self._due
        if due or (paused != self._paused and not self._away):
            # Packed here, between two records, and so of one moment.
            records = packed(self.folder) if due else None
            self._sending = self._thread.submit(self._send, paused, records)

    def is_sending(self) -> bool:
        """Whether a copy is under way; raises what nobody has foreseen of one that is over."""
        if self._sending is not None and self._sending.done():
            self._sending.result()
            self._sending = None
        return self._sending is not None

    def close(self) -> None:
        """Copy everything for the last time, and let go of the search."""
        self._thread.shutdown()
        if self.store is None or self.taken or not self._begun:
            return
        try:
            persistently(ENDING, self._finish)
        except StorageError as error:
            self.tell(f"the last records are only in {self.folder}: {error.message}")

    @property
    def _pause_name(self) -> str:
        return self.pause.relative_to(self.folder).as_posix()

    def _send(self, paused: bool, records: bytes | None) -> None:
        try:
            self._show_pause(paused)
            if records is not None:
                self._copy(records)
            self._say_back()
        except StorageError as error:
            self._say_away(error)
            self._due = time.monotonic() + EVERY

    def _finish(self) -> None:
        assert self.store is not None
        self._copy(packed(self.folder))
        if not self.taken:
            self.store.remove(self._pause_name)
            self.store.remove(DRIVER)

    def _copy(self, records: bytes) -> None:
        assert self.store is not None
        self.taken = self._other() is not None
        if self.taken:
            self.tell(f"another driver has taken this search over; see {self.store / DRIVER}")
            return
        self._sign()
        self.store.write(RECORDS, records)
        self.store.upload(self.folder, [PLAN])
        self._due = time.monotonic() + EVERY

    def _show_pause(self, paused: bool) -> None:
        assert self.store is not None
        if paused and not self._paused:
            self.store.write(self._pause_name, b"")
        elif self._paused and not paused:
            self.store.remove(self._pause_name)
        self._paused = paused

    def _sign(self) -> None:
        assert self.store is not None
        said = {"mark": self._mark, "machine": socket.gethostname(), "time": time.time()}
        write_json(self.folder / DRIVER, said)
        self.store.upload(self.folder, [DRIVER])

    def _mark_here(self) -> str:
        """Of the last driver in this folder, which is no more: a search is driven once on a machine."""
        path = self.folder / DRIVER
        return str(json.loads(path.read_text())["mark"]) if path.is_file() else ""

    def _other(self) -> dict[str, object] | None:
        """What another driver says of itself."""
        assert self.store is not None
        found: dict[str, object] = json.loads(self.store.read(DRIVER) or b"{}")
        return found if found and found["mark"] not in (self._mark, self._before) else None

    def _check_free(self) -> None:
        other = self._other()
        if other is None:
            return
        ago = time.time() - float(str(other["time"]))
        if ago < GONE:
            message = f"the search '{self.folder.name}' runs on {other['machine']}"
            remedy = (
                f"Stop it there; if that machine is gone, try again in {GONE - ago:.0f} seconds."
            )
            raise RunError(f"{message}, which said so {max(ago, 0):.0f} seconds ago", remedy)

    def _check_newest(self) -> None:
        assert self.store is not None
        content = self.store.read(RECORDS)
        if content is not None and not is_of_past(self.folder, unpacked(content)):
            name = self.folder.name
            message = f"'{name}' went on elsewhere: {self.store} is further than {self.folder}"
            remedy = f"Get it with 'python -m search fetch {name}' first."
            raise RunError(message, remedy)

    def _say_away(self, error: StorageError) -> None:
        if not self._away:
            self._away = True
            self.tell(f"the store is away, copies wait: {error.message}")

    def _say_back(self) -> None:
        if self._away:
            self._away = False
            self.tell("the store is back")


@contextlib.contextmanager
def copying(folder: Path, pause: Path, tell: Callable[[str], None]) -> Iterator[Copies]:
    """Drive a search for the time of the block; its records are in the store afterwards."""
    copies = Copies(folder, pause, tell)
    copies.begin()
    try:
        yield copies
    finally:
        copies.close()
