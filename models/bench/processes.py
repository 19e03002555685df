"""Processes of one thread each, a few at a time; none outlives the caller."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

Words = Sequence[str]
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    # glibc keeps freed memory: what networks free in a step they want again in the next one.
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(2**33),
    "MALLOC_TOP_PAD_": str(2**26),
}


def run_modules(commands: Sequence[Words], jobs: int, ended: Callable[[int, str], None]) -> None:
    """Run `python -m <words>` of each command, `jobs` at a time.

    `ended` gets each command's place and, where it failed, the end of what it printed, else "".
    """
    environment = os.environ | ENVIRONMENT
    running: list[subprocess.Popen[str]] = []

    def run(words: Words) -> str:
        command = [sys.executable, "-m", *words]
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        running.append(process)
        _, errors = process.communicate()
        return _last_line(errors) if process.returncode else ""

    with ThreadPoolExecutor(jobs) as pool:
        places = {pool.submit(run, words): place for place, words in enumerate(commands)}
        try:
            for future in as_completed(places):
                ended(places[future], future.result())
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in running:
                process.terminate()
            raise


def _last_line(errors: str) -> str:
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    return lines[-1] if lines else "it printed nothing"
