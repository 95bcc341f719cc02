"""Everything that may go wrong, a row each: done for a moment, then undone. What cannot be done here says why."""

import contextlib
import os
import pathlib
import resource
import signal
import subprocess
import time

from cluster import children, wait_until

PROGRAMS = ("cloisterd", "cloister-keys", "cloister-egress", "cloister-gateway", "cloister-business", "cloister-notify",
            "cloister-gateway-public")


def signal_pid(pid, number):
    if pid:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
            return True
    return False


def words_of(pid):
    """Its command line; nothing when it has just ended."""
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


LIMITS = {"nofile": "Max open files", "as": "Max address space"}


def soft_limit(pid, what):
    lines = pathlib.Path(f"/proc/{pid}/limits").read_text().splitlines()
    return next(line[26:].split()[0] for line in lines if line.startswith(LIMITS[what]))


def set_soft_limit(pid, what, value):
    """As the program's own user: root may not, where it lacks CAP_SYS_RESOURCE."""
    status = dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)
    subprocess.run(["setpriv", "--reuid", status["Uid"].split()[0], "--regid", status["Gid"].split()[0], "--clear-groups",
                    "prlimit", "--pid", str(pid), f"--{what}={value}:"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


class Faults:
    """`cuts`: when connections to the gateway may have been cut (from, to), for whoever judges the answers."""

    def __init__(self, cluster, rng):
        self.cluster, self.rng, self.cuts = cluster, rng, []

    # -- who --
    def program(self, name):
        return self.cluster.programs().get(name)

    def cell(self):
        cells = self.cluster.cell_pids()
        zygote = children(self.program("cloisterd") or -1)[:1]
        cells = [pid for pid in cells if pid not in zygote]
        return self.rng.choice(cells) if cells else None

    def zygote(self):
        mine = children(self.program("cloisterd") or -1)
        return min(mine) if mine else None  # the oldest child

    def hold(self, most=1.2):
        time.sleep(self.rng.uniform(0.1, most))  # the fault's length is the fault

    @contextlib.contextmanager
    def cutting(self, name):
        began = time.monotonic()
        yield
        if name in ("cloister-gateway", "all"):
            self.cuts.append((began - 0.1, time.monotonic() + 1.0))

    # -- faults: each returns what it did, or None when there was nothing to do it to --
    def kill_program(self):
        name = self.rng.choice(PROGRAMS)
        with self.cutting(name):
            pid = self.program(name)
            if not signal_pid(pid, signal.SIGKILL):
                return None
            wait_until(10, lambda: self.program(name) not in (None, pid), f"{name} back")
        return name

    def pause_program(self):
        name = self.rng.choice(PROGRAMS)
        with self.cutting(name):
            pid = self.program(name)
            if not signal_pid(pid, signal.SIGSTOP):
                return None
            self.hold()
            signal_pid(pid, signal.SIGCONT)
        return name

    def kill_agent_or_turn(self):
        return "killed" if signal_pid(self.cell(), signal.SIGKILL) else None

    def pause_agent_or_turn(self):
        pid = self.cell()
        if not signal_pid(pid, signal.SIGSTOP):
            return None
        self.hold()
        signal_pid(pid, signal.SIGCONT)
        return "paused"

    def kill_zygote(self):
        return "killed" if signal_pid(self.zygote(), signal.SIGKILL) else None

    def pause_zygote(self):
        pid = self.zygote()
        if not signal_pid(pid, signal.SIGSTOP):
            return None
        self.hold()
        signal_pid(pid, signal.SIGCONT)
        return "paused"

    def backends(self):
        main = int((self.cluster.dir / "pg/postmaster.pid").read_text().split("\n")[0])
        return [pid for pid in children(main) if b"postgres: cloister" in words_of(pid)]

    def drop_database_connections(self):
        hit = [signal_pid(pid, signal.SIGTERM) for pid in self.backends()]
        return f"{len(hit)} connections" if hit else None

    def slow_database(self):
        pids = self.backends()
        for pid in pids:
            signal_pid(pid, signal.SIGSTOP)
        self.hold(2.0)
        for pid in pids:
            signal_pid(pid, signal.SIGCONT)
        return f"{len(pids)} connections" if pids else None

    def stop_database(self):
        self.cluster.postgres("stop")
        self.hold(0.8)
        self.cluster.postgres("start")
        return "stopped and started"

    def fill_disk(self):
        """Database, keyring and logs are on a small file system of this test's own."""
        ballast = self.cluster.dir / "ballast"
        try:
            with open(ballast, "wb") as f:
                with contextlib.suppress(OSError):
                    while True:
                        f.write(b"\0" * (1 << 20))
                with contextlib.suppress(OSError):
                    f.flush()
            self.hold(1.5)
        except OSError:
            pass
        ballast.unlink(missing_ok=True)
        if not self.cluster.database_alive():
            self.cluster.postgres("start")
        return "full"

    def few_descriptors(self):
        return self.limited("nofile", lambda pid: len(os.listdir(f"/proc/{pid}/fd")) + self.rng.randrange(4))

    def little_memory(self):
        def now(pid):
            pages = int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[0])
            return (pages + self.rng.randrange(256)) * resource.getpagesize()
        return self.limited("as", now)

    def limited(self, what, least):
        """Its soft limit is just above what it has, for a moment."""
        name = self.rng.choice(PROGRAMS)
        with self.cutting(name):
            pid = self.program(name)
            try:
                before = soft_limit(pid, what)
                set_soft_limit(pid, what, least(pid))
            except (OSError, subprocess.CalledProcessError):
                return None  # it has just ended
            self.hold(1.0)
            with contextlib.suppress(OSError, subprocess.CalledProcessError):
                set_soft_limit(pid, what, before)
        return name

    def skew_clock(self):
        """Google's clock and ours part: tokens are older, or younger, than they look. The machine's own stays."""
        seconds = self.rng.choice((-86400, -3600, -300, 300, 3600, 86400))
        self.cluster.admin.call("POST", "/clock", {"offset": seconds})
        self.hold()
        self.cluster.admin.call("POST", "/clock", {"offset": 0})
        return f"{seconds} s"

    def break_names(self):
        """egress finds no address for anybody: another hosts file and a name server that is not there."""
        self.cluster.names(False)
        self.hold(3.0)
        self.cluster.names(True)
        return "no names"

    def provider(self, service, choices):
        kind, more = self.rng.choice(choices)
        times = self.rng.randrange(1, 6)
        self.cluster.admin.fault(service, kind, times=times, **more)
        self.hold()
        self.cluster.admin.clear_faults()
        return f"{service}: {kind} x{times}"

    COMMON = (("status", {"status": 500}), ("status", {"status": 503}), ("status", {"status": 429, "retry_after": 1}),
              ("hang", {}), ("slow", {"ms": 100, "bytes": 64}), ("truncate", {}), ("malformed", {}), ("reset", {}))

    def break_model(self):
        return self.provider("model", self.COMMON + (("midstream_error", {}), ("status", {"status": 529})))

    def break_calendar(self):
        return self.provider("calendar", self.COMMON + (("lost_answer", {}), ("status", {"status": 403, "reason": "rateLimitExceeded"})))

    def break_token(self):
        return self.provider("token", (("status", {"status": 503}), ("lost_answer", {}), ("reset", {}), ("hang", {})))

    def bad_certificate(self):
        kinds = (("expired_cert", {}), ("wrong_host_cert", {}), ("unknown_ca_cert", {}))
        return self.provider(self.rng.choice(("model", "calendar")), kinds)

    def park_somebody(self):
        agents = [a["user"] for a in self.cluster.agents_or_none()]
        if not agents:
            return None
        self.cluster.ctl(self.rng.choice(("park", "stop")), self.rng.choice(agents))
        return "by an operator"

    def reload(self):
        return "done" if self.cluster.ctl("reload")[0] == 0 else None

    def rotate_key(self):
        return "done" if self.cluster.ctl("rotate-key", timeout=180)[0] == 0 else None

    # How often, against each other. fill_disk and stop_database cost the most time.
    WEIGHTS = {
        "kill_program": 8, "pause_program": 6, "kill_agent_or_turn": 14, "pause_agent_or_turn": 8, "kill_zygote": 5,
        "pause_zygote": 3, "drop_database_connections": 5, "slow_database": 3, "stop_database": 2, "fill_disk": 2,
        "few_descriptors": 5, "little_memory": 5, "skew_clock": 3, "break_names": 3, "break_model": 8,
        "break_calendar": 8, "break_token": 3, "bad_certificate": 4, "park_somebody": 4, "reload": 3, "rotate_key": 3,
    }

    def plan(self, count):
        """Every kind at least once where there is room, then by weight."""
        kinds = list(self.WEIGHTS)
        more = self.rng.choices(kinds, list(self.WEIGHTS.values()), k=max(0, count - len(kinds)))
        plan = (kinds + more)[:count]
        self.rng.shuffle(plan)
        return plan
