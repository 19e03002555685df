"""Several sessions at once, on threads that never keep the process from ending."""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

GRACE = 1.0
"""Seconds that all workers together have to notice that nobody wants their results any more."""


def at_once(
    count: int,
    items: Sequence[Item],
    work: Callable[[Item, threading.Event], Result],
    each: Callable[[Result], None],
) -> None:
    """Call `work` for all items, `count` at a time, and `each`, in this thread, with every result.

    What `work` raises is raised here. Then, and with Ctrl-C, the event is set and the workers are
    waited for briefly; one that is stuck, such as on a silent server, ends with the process. (The
    threads of concurrent.futures would keep it from ending.)
    """
    todo: queue.SimpleQueue[Item] = queue.SimpleQueue()
    done: queue.SimpleQueue[Future[Result]] = queue.SimpleQueue()
    stop = threading.Event()
    for item in items:
        todo.put(item)

    def run() -> None:
        while not stop.is_set():
            try:
                item = todo.get_nowait()
            except queue.Empty:
                return
            done.put(_outcome(work, item, stop))

    workers = [threading.Thread(target=run, daemon=True) for _ in range(min(count, len(items)))]
    try:
        for worker in workers:
            worker.start()
        for _ in items:
            each(done.get().result())
    finally:
        stop.set()
        _wait_for(workers)


def _outcome(
    work: Callable[[Item, threading.Event], Result], item: Item, stop: threading.Event
) -> Future[Result]:
    outcome: Future[Result] = Future()
    try:
        outcome.set_result(work(item, stop))
    except BaseException as error:  # raised where the result is asked for
        outcome.set_exception(error)
    return outcome


def _wait_for(workers: Sequence[threading.Thread]) -> None:
    end = time.monotonic() + GRACE
    for worker in workers:
        if worker.ident is not None:
            worker.join(max(0.0, end - time.monotonic()))
