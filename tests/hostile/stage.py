"""Where the attempts are made: a whole Cloister whose agent is the hostile one, and beside it another in which walls
can be taken away. Both are otherwise as installed."""

import contextlib
import os
import pathlib
import re
import resource
import shutil
import signal
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "main"), str(HERE.parent / "control")]

import control  # noqa: E402
from cluster import PREFIX, kill, wait_until  # noqa: E402

BUILD = pathlib.Path(os.environ.get("CLOISTER_BUILD") or PREFIX.parent / "build") / "tests"
HOSTILE = {
    "cloister-agent-hostile": "libexec/cloister/cloister-agent",
    "cloisterd-hostile": "sbin/cloisterd",
    "cloister-egress-hostile": "sbin/cloister-egress",
}
control.INSTALLED.update(HOSTILE)
DAEMON = {"daemon-seccomp", "daemon-core", "no-root"}  # what cloisterd is started with
PAGE = 4096


class Stage(control.ControlCluster):
    """The product with a hostile agent in it: every wall stands."""

    exchanged = ("cloister-agent-hostile",)
    outside = None

    def __init__(self):
        hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
        resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))  # a caller's ulimit is no wall of ours
        super().__init__()
        self.outside = Outside(self)

    def copy(self, name):
        """The program with the owner and mode of the one it stands for, set-user-ID included."""
        path = self.dir / "control" / pathlib.Path(control.INSTALLED[name]).name
        if not path.exists():
            path.parent.mkdir(mode=0o755, exist_ok=True)
            shutil.copy(BUILD / ("hostile" if name in HOSTILE else "control") / name, path)
            self.own(path, name)
        return path

    @staticmethod
    def own(path, name, uid=None):
        real = (PREFIX / control.INSTALLED[name]).stat()
        os.chown(path, real.st_uid if uid is None else uid, real.st_gid)
        os.chmod(path, real.st_mode & 0o7777)

    def write_config(self):
        super().write_config()
        (self.dir / "etc").mkdir(exist_ok=True)
        self.off = frozenset()
        self.page = self.dir / "etc/walls-off"
        self.page.write_bytes(b"\0" * PAGE)

    def attempt(self, user, role, attempt):
        """Has it tried; what came of it, one line."""
        props = self.outside.lay()
        got = self.front.stream(user, f"hostile {role} {attempt} {props}")
        if self.outside.find_core():
            return "out: a core was left"
        return " ".join(got.text.split()) or f"no word of it: {got!r}"

    def stop(self):
        if self.outside:
            self.outside.close()
        super().stop()


class Controls(Stage):
    """Walls and rules can be taken away. What is up when that changes is ended: what comes after it is built anew."""

    exchanged = ("cloister-agent-hostile", "cloisterd-hostile")

    def take_away(self, words):
        """These walls and rules, and no others."""
        walls = frozenset(w for w in words if not w.isupper())
        rules = self.dir / "etc/rules-off"
        fresh = rules.with_name("rules-off.new")
        fresh.write_text("".join(f"{w}\n" for w in words if w.isupper()))
        fresh.rename(rules)
        if walls == self.off:
            return
        changed, self.off = walls ^ self.off, walls
        text = "".join(f"{w}\n" for w in sorted(walls)).encode()
        with open(self.page, "r+b") as page:
            page.write(text.ljust(PAGE, b"\0"))
        if "no-root" in changed:  # without this wall the zygote is set-user-ID to the superuser
            self.own(self.dir / "control/cloister-agent", "cloister-agent-hostile", 0 if "no-root" in walls else None)
        self.build_anew(changed & DAEMON)

    def zygotes(self):
        return len(re.findall(r"zygote \d+ ready", self.log()))

    def build_anew(self, daemon):
        """Ends the zygote and all agents, cloisterd too when its own walls are concerned."""
        ready, cells = self.zygotes(), self.cell_pids()
        if daemon:
            kill(self.programs()["cloisterd"])
        for pid in cells:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        wait_until(20, lambda: self.zygotes() > ready, "another zygote")
        wait_until(20, self.ready, "a Cloister that is ready")


class Outside:
    """What an attempt that gets out would find: a process of the agents' own user, listeners, a folder."""

    def __init__(self, cluster):
        self.dir = cluster.dir / "outside"
        self.dir.mkdir(mode=0o777)
        os.chmod(self.dir, 0o777)
        self.victim = subprocess.Popen(
            ["setpriv", "--reuid", "cloister-agent", "--regid", "cloister-agent", "--clear-groups", "sleep", "3600"],
            stdin=subprocess.DEVNULL, cwd="/")

    def lay(self):
        """As every attempt finds it; what an earlier one left is gone. Props for the next."""
        for path in self.dir.iterdir():
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        theirs = self.dir / "theirs"
        theirs.write_text("something\n")
        shutil.chown(theirs, "cloister-agent")
        theirs.chmod(0o666)
        return f"dir={self.dir} victim={self.victim.pid}"

    def find_core(self):
        return any(self.dir.glob("core*"))

    def close(self):
        self.victim.kill()
        self.victim.wait()
