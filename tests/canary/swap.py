"""Swap: with some switched on, every page of every program is pushed out by force, while a turn runs and after; nothing of
the request may be in the swap file, and what is locked stays where it is. A process that locks nothing is found there.

Not part of the suite, since swap is the whole machine's: `tests/canary/run swap`. Skipped where none may be switched on."""

import ctypes
import os
import pathlib
import re
import resource
import subprocess

from scanner import canary  # first: it finds the other suites' helpers
import control
import kinds
from cluster import program_of
from population import TURN_MS, People, Watched, small_children

LIBC = ctypes.CDLL(None, use_errno=True)
PROCESS_MADVISE, PAGEOUT = 440, 21
SIZE_MB = 96
LOCKED = {"cloisterd", "cloister-keys", "cloister-gatewa", "cloister-gateway", "cloister-egress", "cloister-agent",
          "cloister-business", "cloister-busine", "cloister-notify", "cloister-gateway-public"}


class Area(ctypes.Structure):
    _fields_ = [("start", ctypes.c_void_p), ("length", ctypes.c_size_t)]


def push_out(pid):
    """Every private page that may be: what is locked is refused by the kernel."""
    with open(f"/proc/{pid}/maps") as maps:
        areas = [tuple(int(n, 16) for n in line.split()[0].split("-")) for line in maps if " rw-p " in line]
    pidfd = os.pidfd_open(pid)
    try:
        for start, end in areas:
            area = Area(start, end - start)
            LIBC.syscall(PROCESS_MADVISE, pidfd, ctypes.byref(area), ctypes.c_size_t(1), PAGEOUT, 0)
    finally:
        os.close(pidfd)


def kib(pid, field):
    found = re.search(rf"^{field}:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M)
    return int(found[1]) if found else 0


class Swap:
    """A swap file of the test's own, in use while the block lasts; None where none may be switched on."""

    def __init__(self, path):
        self.path = path
        with open(path, "wb") as file:
            for _ in range(SIZE_MB):
                file.write(b"\0" * (1 << 20))
        os.chmod(path, 0o600)
        subprocess.run(["mkswap", "-q", path], check=True, stdout=subprocess.DEVNULL)

    def __enter__(self):
        on = subprocess.run(["swapon", self.path], stderr=subprocess.DEVNULL, check=False)
        return None if on.returncode else self

    def __exit__(self, *_):
        subprocess.run(["swapoff", self.path], stderr=subprocess.DEVNULL, check=False)

    def holds(self, words):
        """Which of these are in it: read past the cache, as the kernel writes it."""
        os.sync()
        data = subprocess.run(["dd", f"if={self.path}", "bs=1M", "iflag=direct", "status=none"], check=True, stdout=subprocess.PIPE).stdout
        return [w for w in words if w.encode() in data]


class Control:
    """A process that locks nothing, with a secret in its heap."""

    def __init__(self):
        self.word = canary()
        script = "import sys; word = sys.stdin.readline().strip() * 200000; print(len(word), flush=True); sys.stdin.readline()"
        self.process = subprocess.Popen(["python3", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.process.stdin.write(self.word.encode() + b"\n")
        self.process.stdin.flush()
        self.process.stdout.readline()

    def end(self):
        self.process.kill()
        self.process.communicate()


class Known:
    """In the scanner's place: remembers what is to be looked for."""

    def __init__(self):
        self.words = []

    def add(self, kind, label, value):
        if isinstance(value, str) and kind != "name":
            self.words.append(value)


class Swapping(Watched):
    """A Cloister that is told of swap when it starts. The machine gets some for moments only: everybody else would
    have to lock their memory too."""

    exchanged = ("swaps",)

    def copy(self, name):
        path = self.dir / name
        path.write_text("Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n/swapfile  file\t65532\t\t0\t\t-2\n")
        return path


control.INSTALLED["swaps"] = "/proc/swaps"


def cells(cluster):
    programs = cluster.programs_kept()
    agents = [a["pid"] for a in cluster.agents()]
    return [*programs.values(), *agents, *(t for a in agents for t in small_children(a))]


class Run:
    def __init__(self, swap):
        self.swap, self.known, self.broken, self.seen = swap, Known(), [], []
        self.control, self.cluster = Control(), None

    def look(self, turn=None):
        """Pushes everything out and looks what went."""
        pids = cells(self.cluster)
        with self.swap as swap:
            if swap is None:
                raise NoSwap
            for pid in (*pids, self.control.process.pid):
                push_out(pid)
            for pid in pids:
                name, locked, out = program_of(pid), kib(pid, "VmLck"), kib(pid, "VmSwap")
                self.seen.append(f"{name} {locked} KiB locked, {out} KiB out{' (the turn)' if pid == turn else ''}")
                if name in LOCKED and (not locked or out):
                    self.broken.append(f"{name} {pid}: {locked} KiB locked, {out} KiB in swap")
            self.broken += [f"in the swap file: {word}" for word in swap.holds(self.known.words)]
            if not swap.holds([self.control.word]):
                self.broken.append("the control: what is not locked was not found in the swap file")

    def all(self):
        people = People(self.cluster, self.known, 1)
        user, words = people.users[0], people.words("swap")
        user.connect(words)
        user.calendar([words.event()])
        people.watcher = lambda words, turn, holds: self.look(turn)
        kinds.cancelled_while_the_model_thinks(people, user, words)
        self.cluster.quiet()
        people.learn_tokens(user, words)
        self.look()
        self.seen.append(f"{len(self.known.words)} secrets looked for, {SIZE_MB} MiB of swap")


class NoSwap(Exception):
    pass


def unlimited():
    """Whether programs may lock as much as they have, as their units let them."""
    try:
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    except ValueError:
        return False
    return True


def once(extra):
    path = pathlib.Path("/var/tmp") / f"cloister-swap-{os.getpid()}"
    run_ = Run(Swap(path))
    try:
        run_.cluster = Swapping(extra=f"[model]\nturn_timeout_ms={TURN_MS * 3}\n{extra}")
        run_.all()
    except NoSwap:
        return None
    finally:
        run_.control.end()
        if run_.cluster:
            run_.cluster.stop()
        path.unlink()
    return run_.broken, run_.seen


def run():
    """(what is wrong, what was seen), or why it cannot be tried."""
    if not unlimited():
        without = once("[runtime]\naccept_missing_walls=leftovers\n")
        if without is None:
            return "no swap may be switched on here"
        found = [line for line in without[0] if line.startswith("in the swap file")]
        if not found:
            return ["the control: nothing was found of programs that may be swapped"], without[1]
        return f"memory cannot be locked here (RLIMIT_MEMLOCK); where it may be swapped, {len(found)} secrets were found in the swap file"
    return once("") or "no swap may be switched on here"
