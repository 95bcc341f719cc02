"""canary-scan as the tests use it, and the secrets that they give it to look for."""

import collections
import os
import pathlib
import secrets
import string
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
for folder in ("main", "control"):
    sys.path.insert(0, str(TOP / "tests" / folder))

BUILD = pathlib.Path(os.environ.get("CLOISTER_BUILD") or pathlib.Path(os.environ["CLOISTER_PREFIX"]).parent / "build") / "tests/canary"

Find = collections.namedtuple("Find", "name form place")


def letters(n):
    return "".join(secrets.choice(string.ascii_letters) for _ in range(n))


def canary():
    """A word that nobody can guess and that looks different in every form: 'ß' and '€' in the middle of letters."""
    return letters(12) + "ß€" + letters(12)


class Scanner:
    """One canary-scan. `kind` of a secret: calendar, token, message, …; `label`: of which request."""

    def __init__(self):
        self.process = subprocess.Popen([BUILD / "canary-scan"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd="/")
        self.known, self.totals, self.scans = set(), collections.Counter(), 0

    def tell(self, *lines):
        self.process.stdin.write("".join(f"{line}\n" for line in lines).encode())

    def add(self, kind, label, value):
        """Looks for this from now on. Text; or bytes."""
        if (kind, value) in self.known:
            return
        self.known.add((kind, value))
        how, data = ("text", value.encode()) if isinstance(value, str) else ("bytes", value)
        self.tell(f"{how} {kind}/{label} {data.hex()}")

    def where(self, trees=(), dirs=(), skips=()):
        self.tell("forget", *(f"tree {p}" for p in trees), *(f"dir {d}" for d in dirs), *(f"skip {s}" for s in skips))

    def answers(self, command):
        self.tell(command)
        self.process.stdin.flush()
        for line in self.process.stdout:
            line = line.decode(errors="replace").rstrip("\n")
            if line.startswith("done"):
                self.last = {k: int(v) for k, v in (word.split("=") for word in line.split()[1:])}
                return
            yield line.split(" ", 1)[1]
        raise AssertionError("canary-scan ended")

    def scan(self):
        """The set of finds; `last` has the counts of what was looked at."""
        found = {Find(*line.split("\t")) for line in self.answers("scan-all" if self.scans % 20 == 0 else "scan")}
        self.scans += 1
        self.totals.update(self.last)
        return found

    def processes(self):
        return [tuple(line.split(" ", 1)) for line in self.answers("list")]

    def end(self):
        self.process.stdin.close()
        self.process.wait(10)
