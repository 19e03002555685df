"""Whether all nodes have the searches' home in common, or may do all that is needed in their store."""

import contextlib
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from models.errors import StorageError, UserError
from models.files import storage_error, write_bytes
from models.remote import Remote
from search.doctor.lines import Finding, ok, plural, problem
from search.doctor.nodes import Answer, Nodes, ThisMachine

NAME = "storage"
OURS = "driver"
PIECE = bytes(8_000_000)
"""What is written for a measure."""
SECONDS = 5.0
"""For a file to be seen by another machine."""
STORE = "store"
PROBE = ".doctor"
"""The folder in the store that is written to, and emptied again."""
ACCESS = (
    "Let every node's role, or its keys, read, write, list and delete objects there: of an instance on "
    "AWS that is its instance profile."
)
REMEDY = "Mount the same shared folder at the same path on every node, or give --home on one."


@dataclass(frozen=True)
class Visit:
    """What a node did in the folder."""

    file: str = ""
    """The name of the file that it wrote; empty where it did not see ours."""
    rate: float = 0.0
    """Bytes a second, from a file's first byte until it was on the disk and renamed."""
    failure: str = ""


def checked(nodes: Nodes, home: Path, store: str) -> list[Finding]:
    """`check`; with a store, whose nodes need no home in common, `check_store` and this machine's."""
    if store:
        return [*check(ThisMachine(), home), *check_store(nodes, store)]
    return check(nodes, home)


def check(nodes: Nodes, home: Path) -> list[Finding]:
    """Write, rename and read from every node; nothing is left behind. Raises StorageError."""
    mark = secrets.token_hex(8).encode()
    with scratch(home) as folder:
        rates = [write(folder / OURS, mark)]
        problems = []
        answers = nodes.ask(visit, folder, mark)
        for answer in answers:
            found = problem_of(answer, home, folder, mark)
            problems += [found] if found else []
            rates += [answer.value.rate] if answer.value and not found else []
    good = len(answers) - len(problems)
    if problems and not good:
        return problems
    whom = f" from {plural(good, 'node')}" if len(answers) > 1 else ""
    rate = f"{min(rates) / 1e6:.0f} MB/s"
    return [*problems, ok(NAME, f"{home}: written, renamed and read{whom}, at {rate}")]


def visit(folder: Path, mark: bytes) -> Visit:
    """Read what the driver wrote, and write a file of this node. The folder is never made."""
    if not appears(folder / OURS, mark):
        return Visit()
    name = secrets.token_hex(8)
    try:
        return Visit(name, write(folder / name, mark))
    except UserError as error:
        return Visit(name, failure=error.message)


def check_store(nodes: Nodes, store: str) -> list[Finding]:
    """A line for the driver and each node: whether it may write, read, list and remove there.

    Raises UserError for what is no store.
    """
    Remote.parse(store)
    answers = [Answer(OURS, visit_store(store))]
    if not isinstance(nodes, ThisMachine):
        answers += nodes.ask(visit_store, store)
    return [store_finding(answer, store) for answer in answers]


def visit_store(store: str) -> str:
    """Write, read, list and remove an object; what refuses, or nothing where all goes well."""
    place, name, mark = Remote.parse(store) / PROBE, secrets.token_hex(8), secrets.token_bytes(8)
    try:
        place.write(name, mark)
        seen = place.read(name) == mark and name in place.sizes()
        place.remove(name)
    except StorageError as error:
        return error.message.partition(": ")[2] or error.message
    return "" if seen else f"what is written in {store} is not seen there"


def store_finding(answer: Answer[str], store: str) -> Finding:
    """What a node's visit to the store says of it."""
    found = answer.failure if answer.value is None else answer.value
    whom = "the driver" if answer.node == OURS else answer.node
    if found:
        return problem(STORE, f"{whom} cannot use {store}: {found}", ACCESS)
    return ok(STORE, f"{store}: {whom} writes, reads, lists and removes")


def problem_of(answer: Answer[Visit], home: Path, folder: Path, mark: bytes) -> Finding | None:
    """What is wrong with a node's view of the home; None where nothing is."""
    node, visited = answer.node, answer.value
    if visited is None:
        return problem(NAME, f"{node} was not seen at {home}: {answer.failure}", REMEDY)
    if not visited.file:
        return problem(NAME, f"node {node} does not see {home}", REMEDY)
    if visited.failure:
        remedy = "Let the same user write it from every node: compare 'id' and the mount's options."
        return problem(NAME, f"node {node} cannot write {home}: {visited.failure}", remedy)
    if not appears(folder / visited.file, mark):
        return problem(NAME, f"what node {node} writes in {home} is not seen here", REMEDY)
    return None


def write(path: Path, mark: bytes) -> float:
    """Write a file as runs do, by a temporary one, fsync and rename; bytes a second."""
    before = time.monotonic()
    write_bytes(path, mark + PIECE)
    return len(PIECE) / max(time.monotonic() - before, 1e-9)


def appears(path: Path, mark: bytes) -> bool:
    """Whether the file is there with its whole content; shared storage may show it a little late."""
    until = time.monotonic() + SECONDS
    while True:
        with contextlib.suppress(OSError):
            if path.read_bytes() == mark + PIECE:
                return True
        if time.monotonic() > until:
            return False
        time.sleep(0.1)


@contextlib.contextmanager
def scratch(home: Path) -> Iterator[Path]:
    """A folder in the home for the time of a check, which also makes a home that is not there."""
    if home.exists() and not home.is_dir():
        raise StorageError(f"{home} is a file", "Give a folder with --home.")
    missing = [folder for folder in (home, *home.parents) if not folder.exists()]
    try:
        home.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=home, prefix=".doctor."))
        folder.chmod(0o755)  # mkdtemp makes private ones; another user may be asked on a node
    except OSError as error:
        _unmake(missing)
        raise _refused(home, error) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        _unmake(missing)


def _unmake(folders: list[Path]) -> None:
    """Remove the folders that were made for the check, deepest first, unless they are in use."""
    for folder in folders:
        with contextlib.suppress(OSError):
            folder.rmdir()


def _refused(home: Path, error: OSError) -> StorageError:
    told = storage_error(home, error)
    return StorageError(told.message, f"{told.remedy} Another place: --home.")
