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
import time
import uuid

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
    "cloister-business-hostile": "sbin/cloister-business",
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
AFTER = {"note_planted": "note_found",
         **dict.fromkeys(("sessions_late", "sessions_elsewhere", "sessions_to_owner"), "sessions_found")}  # what an owner's turn then finds of it
NOTED = {"owners_notes", "note_conversation", "note_user", "note_epoch"}  # need something that was said before
OWN = {"note_conversation", "note_user", "note_epoch"}  # and a user whose connection no earlier attempt has spoilt
DAEMON = {"daemon-seccomp", "daemon-core", "no-root", "gateway-peer"}  # what cloisterd is started with
ENDED = " lives=2500"  # milliseconds in which what breaks a rule must have been ended: less than an attempt is given (prisoner.c)
PAGE = 4096
WAITED_S = 5
KEPT_LINES = 100  # of a flood of seconds; an agent has 60 in hand
PLAYED = {"front": " origin=customer", "cell": " origin=connect"}  # turns that cloisterd is told to start (relay_off.c)


class Stage(control.ControlCluster):
    """The product with a hostile agent in it: every wall stands."""

    exchanged = ("cloister-agent-hostile", "hosts")
    outside = neighbour = None

    def __init__(self, extra="", rest_ms=0, watch_ms=200):
        hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
        resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))  # a caller's ulimit is no wall of ours
        self.listener = Listener()
        # Most attempts end their agent: it rests only where that is looked at.
        super().__init__(extra=f"{extra}\n[agents]\nrest_ms={rest_ms}\nwatch_ms={watch_ms}\n")  # a calm machine is looked at every 2 s
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
        self.write_page(())

    def write_page(self, lines):
        """In place: it is mapped."""
        with open(self.page, "r+b" if self.page.exists() else "wb") as page:
            page.write("".join(f"{line}\n" for line in lines).encode().ljust(PAGE, b"\0"))

    def connect(self, user, *args, **more):
        """The neighbours of the prisoner are looked up while every wall stands: that takes turns which work."""
        connected = super().connect(user, *args, **more)
        if user == "prisoner":
            self.neighbour.facts(user)
        return connected

    def zygote_attempt(self, user, attempt):
        """The zygote tries when it is next asked for an agent, and the log says what came of it."""
        props = f"{self.outside.lay()} {self.neighbour.facts(user)}"
        for agent in self.agents():
            with contextlib.suppress(ProcessLookupError):
                os.kill(agent["pid"], signal.SIGKILL)
        wait_until(10, lambda: not self.agents(), "the end of all agents")
        mark, told = len(self.log()), []
        self.write_page([*sorted(self.off), f"zygote={attempt}", f"props={props}"])
        asking = threading.Thread(target=lambda: self.front.stream(user, "Am I free tomorrow at 3pm?", timezone="Europe/Berlin"))
        asking.start()

        def over():
            told[:] = re.findall(rf"hostile zygote {attempt}: (.*)|zygote \d+: (.*); ending it", self.log()[mark:])
            return told
        try:
            wait_until(10, over, f"what came of {attempt}")
        finally:
            self.write_page(sorted(self.off))
            asking.join()
        wait_until(20, self.ready, "a Cloister that is ready")
        return told[0][0] or f"killed: {told[0][1]}"

    def attempt(self, user, role, attempt, stands=True):
        """Has it tried; what came of it, one line. Where a wall `stands`, its end is waited for however slow the machine."""
        if role == "zygote":
            return self.zygote_attempt(user, attempt)
        props = f"{self.outside.lay()} {self.neighbour.facts(user)}{PLAYED.get(role, '')}{ENDED if stands else ''}"
        if attempt in OWN:
            user = "p" + uuid.uuid4().hex[:10]
            self.connect(user)
        if attempt in NOTED:
            self.front.stream(user, "Am I free tomorrow at 3pm?", timezone="Europe/Berlin")
        if attempt in FIRST:
            told = self.front.stream(user, f"hostile turn {FIRST[attempt]} {props}").text.strip()
            if told != "out":
                return f"could not begin: {told}"
        mark, began = len(self.log()), time.monotonic()
        got = self.front.stream(user, f"hostile {'turn' if role in PLAYED else role} {attempt} {props}")
        if attempt == "mark_broken":  # a control does harm
            self.sql("UPDATE connections SET state = 'active' WHERE state = 'broken'")
        if self.outside.find_core():
            return "out: a core was left"
        if attempt in AFTER:
            got = self.front.stream(user, f"hostile turn {AFTER[attempt]} ")  # the owner's own
        took = time.monotonic() - began
        if attempt in ("gibibyte", "huge_length") and took > WAITED_S:  # what its agent says later is taken for more of it
            return f"out: cloisterd waited {took:.0f} s for the rest"
        if attempt == "flood_log":  # the log is what tells
            kept = self.log()[mark:].count("a hostile line")
            return f"{'out' if kept > KEPT_LINES else 'stopped'}: {kept} lines kept" if got.done else f"no word of it: {got!r}"
        text = " ".join(got.text.split())
        if not text and (got.done or (attempt == "cap_error" and got.code == "model_refused")):
            return "out: what it said was taken as its answer"
        if attempt == "cap_exited" and "(signal 0, status 77)" in self.log()[mark:]:
            return "out: what it said was taken as the end of its turn"
        if not text and got.code == "agent_lost":
            wrong = re.findall("(?:broke the protocol|runs away): (.*); ending it", self.log()[mark:])
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
    """Walls and rules can be taken away. What is up when that changes is ended: what comes after it is built anew.

    cloisterd's watch, which looks now and then, is off but where a row names it: whether it ended some other row's
    control would be a matter of chance."""

    exchanged = ("cloister-agent-hostile", "cloisterd-hostile", "cloister-keys-hostile", "cloister-egress-hostile",
                 "cloister-business-hostile", "hosts")

    def __init__(self, turn_ms=None, watch_ms=0):
        self.addresses("add")
        super().__init__(extra=f"[model]\nturn_timeout_ms={turn_ms}\n" if turn_ms else "", watch_ms=watch_ms)

    def stop(self):
        super().stop()
        self.addresses("del")

    @staticmethod
    def addresses(what):
        for address in PRIVATE:  # one that is there already, or gone, is as good
            subprocess.run(["ip", "address", what, address, "dev", "lo"], stderr=subprocess.DEVNULL, check=False)

    def write_rules(self, words):
        rules = self.dir / "etc/rules-off"
        fresh = rules.with_name("rules-off.new")
        fresh.write_text("".join(f"{w}\n" for w in words))
        fresh.rename(rules)

    @contextlib.contextmanager
    def without(self, rule):
        """For that long, another rule is away, too."""
        rules = (self.dir / "etc/rules-off").read_text().split()
        self.write_rules([*rules, rule])
        try:
            yield
        finally:
            self.write_rules(rules)

    def take_away(self, words):
        """These walls and rules, and no others."""
        walls = frozenset(w for w in words if not w.isupper())
        self.write_rules([w for w in words if w.isupper()])
        if walls == self.off:
            return
        changed, self.off = walls ^ self.off, walls
        self.write_page(sorted(walls))
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
