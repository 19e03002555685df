"""Packed stores that were uploaded, and processes that fetch them."""

import os
import subprocess
import sys
from pathlib import Path

from models.recordings import locks
from models.recordings.store.fetching import current_manifest
from models.recordings.store.uploading import manifest_of, upload
from models.remote import Remote

ROOT = Path(__file__).resolve().parents[2]
FETCH = """
import os
import signal
import sys
from models.recordings.fetched import local_folder
def told(name, more):
    if name and name not in files:
        files.append(name)
    if len(files) == last:
        os.kill(os.getpid(), signal.SIGKILL)
last = int(sys.argv[2])
files = []
print(local_folder(sys.argv[1], told), len(files))
"""


def uploaded(store, uri):
    """The manifest of a store that is brought to a URI."""
    manifest = manifest_of(store)
    upload(store, manifest, Remote.parse(uri), lambda _name, _bytes: None)
    return manifest


def other_process():
    """From here on this process is one that has asked for no recordings yet."""
    current_manifest.cache_clear()
    for descriptor in locks._used.values():
        os.close(descriptor)
    locks._used.clear()


def fetching(uri, last=-1):
    """A process that fetches recordings, and prints where they are and how many files it fetched.

    It is killed with the first bytes of its `last` file.
    """
    command = [sys.executable, "-c", FETCH, uri, str(last)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
