"""Machines with addresses and processes of their own, on this one: namespaces, with sshd in each.

A machine has its own network, processes, host name, home (at the same path on all of them), /tmp/ray
and /dev/shm, and shares all other files with the rest. It is gone, with everything that it ran, when
its first process is killed. Only root can make one.
"""

import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path("/tmp/sensorium-lab")
"""The cluster file names it."""
ROOT = Path(__file__).resolve().parents[2]
SCRIPT = Path(__file__).with_name("machine.sh")
TOOLS = ("unshare", "nsenter", "ip", "ssh-keygen", "rsync", "ssh", "curl")
SSHD = Path("/usr/sbin/sshd")
SPACES = ("--net", "--mount", "--pid", "--uts", "--ipc")
LAPTOP = "laptop"
MEMBERS = ("head", "one", "two")
ADDRESSES = {"head": "10.77.0.1", "one": "10.77.0.2", "two": "10.77.0.3", LAPTOP: "10.77.0.9"}


def why_not() -> str:
    """Why there can be no lab here; empty where there can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "needs root on Linux"
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if not SSHD.exists():
        missing.append("sshd")
    if missing:
        return f"needs {', '.join(missing)}: apt-get install -y openssh-server rsync iproute2 curl"
    if subprocess.run(["unshare", *SPACES, "--fork", "true"], capture_output=True).returncode:
        return "needs the right to make namespaces"
    return ""


@dataclass
class Machine:
    """A machine that runs."""

    name: str
    outer: subprocess.Popen[bytes]
    """Whose end is that of the whole machine."""
    inner: int
    """Its process 1, as seen from outside."""

    def command(self, *words: str) -> list[str]:
        """A command that runs on the machine, as a login shell there would run it."""
        enter = ["nsenter", "--target", str(self.inner), *SPACES, "--"]
        home = ["env", "-i", f"HOME={FOLDER}/home", f"PATH={os.environ['PATH']}", "TERM=dumb"]
        return [*enter, *home, "bash", "--login", "-i", "-c", 'cd ~ && "$0" "$@"', *words]

    def kill(self) -> None:
        """Cut its power."""
        self.outer.kill()
        self.outer.wait()

    def processes(self, word: str = "") -> dict[int, str]:
        """What runs on it and has a word in its command line, by its number outside."""
        found = {}
        place = os.readlink(f"/proc/{self.inner}/ns/pid")  # noqa: PTH115
        for each in Path("/proc").iterdir():
            try:
                if each.name.isdecimal() and os.readlink(each / "ns/pid") == place:  # noqa: PTH115
                    found[int(each.name)] = (
                        (each / "cmdline").read_text().replace("\0", " ").strip()
                    )
            except OSError:
                continue  # it has ended since
        return {number: line for number, line in found.items() if line and word in line}


class Lab:
    """The machines, and the folder with their files."""

    def __init__(self) -> None:
        self.machines: dict[str, Machine] = {}

    def __enter__(self) -> "Lab":
        shutil.rmtree(FOLDER, ignore_errors=True)
        for part in ("home", "shared", f"{LAPTOP}/home/.ssh", f"{LAPTOP}/home/.ray"):
            (FOLDER / part).mkdir(parents=True)
        _bring_project(FOLDER / LAPTOP / "home/sensorium-search")
        key = FOLDER / LAPTOP / "home/.ssh/lab"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        try:
            for name in (LAPTOP, *MEMBERS):
                self.start(name)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self, name: str) -> None:
        """Start a machine, or one that was killed anew: its disk is as it was."""
        folder = FOLDER / name
        for part in ("home", "ray"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        _write_files(name, folder)
        (folder / "ready").unlink(missing_ok=True)
        spaces = [*SPACES, "--fork", "--kill-child", "--mount-proc"]
        Path("/tmp/ray").mkdir(exist_ok=True)
        script = [str(SCRIPT), str(FOLDER), name, ADDRESSES[name]]
        with (folder / "log").open("wb") as log:
            outer = subprocess.Popen(
                ["unshare", *spaces, *script],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.machines[name] = Machine(name, outer, _child(outer))
        self._plug(name)
        _wait((folder / "ready").exists, f"{name} did not start")

    def _plug(self, name: str) -> None:
        """Connect it to the others by a switch, which stands on the laptop and ends with it."""
        if name == LAPTOP:
            self._on_laptop("ip link add switch type bridge")
            self._on_laptop("ip link set switch up")
        end = "" if name == LAPTOP else f" netns {self.machines[name].inner}"
        self._on_laptop(f"ip link add to-{name} type veth peer name eth0{end}")
        self._on_laptop(f"ip link set to-{name} master switch up")

    def _on_laptop(self, command: str) -> None:
        laptop = str(self.machines[LAPTOP].inner)
        subprocess.run(["nsenter", "--target", laptop, "--net", "--", *command.split()], check=True)

    def run(self, name: str, *words: str, timeout: float = 600) -> str:
        """What a command prints on a machine. Raises CalledProcessError with it in `output`."""
        command = self.machines[name].command(*words)
        process = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout
        )
        if process.returncode:
            raise AssertionError(f"{' '.join(words)} on {name}:\n{process.stdout[-6000:]}")
        return process.stdout

    def close(self) -> None:
        """Cut the power of all, and remove their files."""
        for machine in self.machines.values():
            machine.kill()
        _wait(lambda: not any(_lives(m.inner) for m in self.machines.values()), "a machine is left")
        shutil.rmtree(FOLDER, ignore_errors=True)


def _bring_project(to: Path) -> None:
    """A copy that tests may change."""
    left_out = shutil.ignore_patterns(".*", "__pycache__", "demo", "searches")
    shutil.copytree(ROOT, to, ignore=left_out)


def _write_files(name: str, folder: Path) -> None:
    """What sshd and the user of a machine need."""
    lines = Path("/etc/passwd").read_text().splitlines()
    root = f"root:x:0:0:root:{FOLDER}/home:/bin/bash"
    (folder / "passwd").write_text("\n".join([root, *lines[1:]]) + "\n")
    python = Path(sys.executable).parent
    profile = folder / "home/.bashrc"
    if not profile.exists():
        profile.write_text(f"export PATH={python}:$PATH OMP_NUM_THREADS=1 RAY_worker_niceness=0\n")
        (folder / "home/.profile").write_text(". ~/.bashrc\n")
    key = folder / "host_key"
    if not key.exists():
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    options = {
        "ListenAddress": ADDRESSES[name],
        "HostKey": key,
        "AuthorizedKeysFile": FOLDER / LAPTOP / "home/.ssh/lab.pub",
        "PermitRootLogin": "prohibit-password",
        "StrictModes": "no",
        "UsePAM": "no",
        "PidFile": "none",
        "MaxSessions": 50,
    }
    (folder / "sshd_config").write_text("".join(f"{k} {v}\n" for k, v in options.items()))


def _child(outer: subprocess.Popen[bytes]) -> int:
    """The process that `unshare` has started."""
    path = Path(f"/proc/{outer.pid}/task/{outer.pid}/children")
    _wait(lambda: bool(path.read_text().split()), "unshare started nothing")
    return int(path.read_text().split()[0])


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def _wait(ready, what: str, seconds: float = 20) -> None:  # type: ignore[no-untyped-def]
    until = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > until:
            raise TimeoutError(what)
        time.sleep(0.05)
