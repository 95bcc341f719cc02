"""Where the attempts are made: a whole Cloister whose agent is the hostile one, and beside it another in which walls
can be taken away. Both are otherwise as installed."""

import contextlib
import os
import pathlib
import re
import resource
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import threading

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "main"), str(HERE.parent / "control")]

import control  # noqa: E402
from cluster import PREFIX, kill, wait_until  # noqa: E402
from neighbour import Neighbour  # noqa: E402

BUILD = pathlib.Path(os.environ.get("CLOISTER_BUILD") or PREFIX.parent / "build") / "tests"
HOSTILE = {
    "cloister-agent-hostile": "libexec/cloister/cloister-agent",
    "cloisterd-hostile": "sbin/cloisterd",
    "cloister-egress-hostile": "sbin/cloister-egress",
    "cloister-keys-hostile": "sbin/cloister-keys",
}
control.INSTALLED.update(HOSTILE, hosts="/etc/hosts")
HOSTS = """
127.0.0.1 loop.hostile.test named.hostile.test
10.213.74.1 ten.hostile.test
"""
# Where nobody may be sent: for the controls the machine has these addresses while they last.
PRIVATE = ("10.213.74.1/32", "172.31.213.74/32", "192.168.213.74/32", "169.254.213.74/32", "100.64.213.74/32",
           "198.18.213.74/32", "fd00:213:74::1/128")
FIRST = {"use_kept": "keep_connection"}  # what a turn does before another's attempt
DAEMON = {"daemon-seccomp", "daemon-core", "no-root"}  # what cloisterd is started with
PAGE = 4096
PLAYED = {"front": " origin=customer", "cell": " origin=connect"}  # turns that cloisterd is told to start (relay_off.c)


class Stage(control.ControlCluster):
    """The product with a hostile agent in it: every wall stands."""

    exchanged = ("cloister-agent-hostile", "hosts")
    outside = neighbour = None

    def __init__(self, extra=""):
        hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
        resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))  # a caller's ulimit is no wall of ours
        self.listener = Listener()
        super().__init__(extra=extra)
        self.outside = Outside(self)
        self.neighbour = Neighbour(self)

    def copy(self, name):
        """The program with the owner and mode of the one it stands for, set-user-ID included."""
        path = self.dir / "control" / pathlib.Path(control.INSTALLED[name]).name
        if name == "hosts":
            path.write_text(pathlib.Path("/etc/hosts").read_text() + HOSTS)
            return path
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
        text = self.config.read_text()
        text = re.sub(r"(?m)^revoke_url=.*$", f"revoke_url=https://named.hostile.test:{self.listener.port}/revoke", text)
        text = re.sub(r"(?m)^allow=", f"allow=127.0.0.1:{self.listener.listed_port} ", text)
        self.config.write_text(text)
        (self.dir / "etc").mkdir(exist_ok=True)
        self.off = frozenset()
        self.page = self.dir / "etc/walls-off"
        self.page.write_bytes(b"\0" * PAGE)

    def attempt(self, user, role, attempt):
        """Has it tried; what came of it, one line."""
        props = f"{self.outside.lay()} {self.neighbour.facts(user)}{PLAYED.get(role, '')}"
        if attempt == "owners_notes":  # something of the owner's to be read
            self.front.stream(user, "Am I free tomorrow at 3pm?", timezone="Europe/Berlin")
        if attempt in FIRST:
            told = self.front.stream(user, f"hostile turn {FIRST[attempt]} {props}").text.strip()
            if told != "out":
                return f"could not begin: {told}"
        mark = len(self.log())
        got = self.front.stream(user, f"hostile {'turn' if role in PLAYED else role} {attempt} {props}")
        if attempt == "mark_broken":  # a control does harm
            self.sql("UPDATE connections SET state = 'active' WHERE state = 'broken'")
        if self.outside.find_core():
            return "out: a core was left"
        text = " ".join(got.text.split())
        if not text and got.done:
            return "out: what it said was taken as its answer"
        if not text and got.code == "agent_lost":
            wrong = re.findall("broke the protocol: (.*); ending it", self.log()[mark:])
            return f"killed: {wrong[-1] if wrong else 'its agent ended'}"
        return text or f"no word of it: {got!r}"

    def stop(self):
        if self.outside:
            self.outside.close()
        if self.neighbour:
            self.neighbour.close()
        self.listener.close()
        super().stop()


class Controls(Stage):
    """Walls and rules can be taken away. What is up when that changes is ended: what comes after it is built anew."""

    exchanged = ("cloister-agent-hostile", "cloisterd-hostile", "cloister-keys-hostile", "cloister-egress-hostile",
                 "hosts")

    def __init__(self):
        self.addresses("add")
        super().__init__()

    def stop(self):
        super().stop()
        self.addresses("del")

    @staticmethod
    def addresses(what):
        for address in PRIVATE:  # one that is there already, or gone, is as good
            subprocess.run(["ip", "address", what, address, "dev", "lo"], stderr=subprocess.DEVNULL, check=False)

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


class Listener:
    """Takes connections on every address of this machine and swallows what comes: on a port that no agent may reach,
    and on one that is listed."""

    def __init__(self):
        self.selector, self.over = selectors.DefaultSelector(), False
        self.sockets = [socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True, backlog=256) for _ in "12"]
        self.port, self.listed_port = (s.getsockname()[1] for s in self.sockets)
        for s in self.sockets:
            s.setblocking(False)
            self.selector.register(s, selectors.EVENT_READ)
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while not self.over:
            for key, _ in self.selector.select(0.2):
                with contextlib.suppress(BlockingIOError):
                    if key.fileobj in self.sockets:
                        self.selector.register(key.fileobj.accept()[0], selectors.EVENT_READ)
                    else:
                        self.swallow(key.fileobj)

    def swallow(self, peer):
        try:
            more = peer.recv(1 << 20)
        except ConnectionError:
            more = b""
        if not more:
            self.selector.unregister(peer)
            peer.close()

    def close(self):
        self.over = True
        self.thread.join()
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()


class Outside:
    """What an attempt that gets out would find: a process of the agents' own user, listeners, a folder."""

    def __init__(self, cluster):
        self.dir, self.run, self.listener = cluster.dir / "outside", cluster.run, cluster.listener
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
        return (f"dir={self.dir} victim={self.victim.pid} run={self.run} port={self.listener.port}"
                f" listed={self.listener.listed_port}")

    def find_core(self):
        return any(self.dir.glob("core*"))

    def close(self):
        self.victim.kill()
        self.victim.wait()
