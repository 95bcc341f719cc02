"""wake and scale: what a parked agent's next message costs, and many live agents beside many more parked users at once."""

import json
import os
import pathlib
import re
import select
import socket
import statistics
import subprocess
import sys
import time

from cluster import Cluster, wait_until
from shared import (LIBEXEC, MESSAGE, PREFIX, QUICK, ZONE, busy_note, connect_many, load, p99, progress, quantiles, report,
                    requests_file, turn_times)

# ---- wake ----


class Watched(Cluster):
    """Calendar and model are reached through bench-relay, which tells when a turn's first connection comes."""

    def start_world(self):
        super().start_world()
        targets = [self.named[name].rsplit(":", 1)[1] for name in ("GOOGLE_URL", "MODEL_URL")]
        self.relay = subprocess.Popen([LIBEXEC / "bench-relay", *targets], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.relays = self.relay.stdout.readline().split()

    def write_config(self):
        super().write_config()
        text = self.config.read_text()
        google, model = (f"{self.named[name].rsplit(':', 1)[0]}:{port}" for name, port in zip(("GOOGLE_URL", "MODEL_URL"), self.relays))
        text = re.sub(r"calendar_url=.*", f"calendar_url={google}/calendar/v3", text)
        text = re.sub(r"base_url=.*", f"base_url={model}", text)
        hosts = " ".join(url.split("://", 1)[1] for url in (google, model))
        self.config.write_text(re.sub(r"(?m)^allow=(.*)$", rf"allow=\1 {hosts}", text))

    def stop(self):
        super().stop()
        self.relay.stdin.close()
        self.relay.wait()


def first_work(cluster, user, number):
    """Milliseconds from a request's first byte to its turn's first connection, the first that it does in the world."""
    body = json.dumps({"user": user, "message": MESSAGE, "timezone": ZONE, "conversation": f"w{number}"}).encode()
    head = [f"Authorization: Bearer {cluster.front.key}", "Content-Type: application/json", "Accept: text/event-stream", "Host: x",
            "Connection: close", f"Content-Length: {len(body)}", *(f"{k}: {v}" for k, v in cluster.front.grant_headers(user).items())]
    text = ("POST /v1/chat HTTP/1.1\r\n" + "\r\n".join(head) + "\r\n\r\n").encode() + body
    with socket.create_connection(("127.0.0.1", cluster.port), 20) as line:
        asked = time.monotonic_ns()
        line.sendall(text)
        came = int(cluster.relay.stdout.readline().split()[2])
        told = b""
        while data := line.recv(1 << 16):
            told += data
    assert b"event: done" in told, told[-300:]
    drain(cluster)
    return (came - asked) / 1e6


def drain(cluster):
    """The turn's further connections have been told of by now; the next line is another turn's."""
    while select.select([cluster.relay.stdout], [], [], 0)[0]:
        cluster.relay.stdout.readline()


PARK_MS, USERS = 40, 20


def bench_wake():
    cluster = Watched(extra=f"[agents]\nidle_park_ms={PARK_MS}\n")
    # Lines must not wait in Python where select cannot see them.
    raw = cluster.relay.stdout
    cluster.relay.stdout = LineReader(raw.fileno())
    try:
        names = [f"w{i}" for i in range(USERS)]
        connect_many(cluster, names)
        for i, name in enumerate(names):
            first_work(cluster, name, f"warm{i}")
        n = 20 if QUICK else 300
        parked, live = [], []
        for i in range(n):
            wait_until(10, lambda: not cell_count(cluster), "all are parked")
            time.sleep(0.02)
            parked.append(first_work(cluster, names[i % USERS], i))
            live.append(first_work(cluster, names[i % USERS], f"again{i}"))  # its agent is still there
        spawn = json.loads(cluster.ctl("status", "--json")[1])["spawn_us"]
        points = {"parked": quantiles(parked), "agent still live": quantiles(live)}
        report("wake", "median", statistics.median(parked), "ms", "limit", 3, n,
               f"message sent to first connection that its turn makes, through gateway, database, spawn, walls and keys; {busy_note()}", points)
        report("wake", "p99", p99(parked), "ms", "agent still live", p99(live), n)
        report("wake", "beside_live", statistics.median(parked), "ms", "agent still live", statistics.median(live), n)
        report("wake", "process", spawn["p50"] / 1000, "ms", "", None, n, "of that: wish for a process to its hello, all walls up")
    finally:
        cluster.stop()


class LineReader:
    """Lines of a pipe without a buffer that select does not know of."""

    def __init__(self, fd):
        self.fd = fd

    def fileno(self):
        return self.fd

    def readline(self):
        line = b""
        while not line.endswith(b"\n"):
            byte = os.read(self.fd, 1)
            assert byte, "the relay ended"
            line += byte
        return line.decode()


def cell_count(cluster):
    """Live agents: what cloisterd has for children beside the zygote."""
    pid = cluster.programs()["cloisterd"]
    return sum(len(path.read_text().split()) for path in pathlib.Path(f"/proc/{pid}/task").glob("*/children")) - 1


# ---- scale ----


def kib(path, field):
    """The sum of what this expression names in a file of the kernel's."""
    try:
        return sum(int(v) for v in re.findall(rf"(?m)^{field}: +(\d+)", pathlib.Path(path).read_text()))
    except OSError:
        return 0


def below(pid, families):
    return [p for child in families.get(pid, ()) for p in (child, *below(child, families))]


def parts(cluster):
    """pid lists by part: everything that Cloister runs, PostgreSQL and the stand-ins apart. One look at /proc for all of them."""
    families = {}
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            stat = path.read_text(errors="replace")
        except OSError:
            continue
        families.setdefault(int(stat[stat.rindex(")") + 2:].split()[1]), []).append(int(path.parent.name))
    programs = {name: [pid] for name, pid in cluster.programs().items() if name.startswith("cloister")}
    programs["cloister-launch"] = [cluster.launcher_pid()]
    programs["agents and zygote"] = below(programs["cloisterd"][0], families)
    return programs


def pss_kib(cluster):
    return {name: sum(kib(f"/proc/{pid}/smaps_rollup", "Pss") for pid in pids) for name, pids in parts(cluster).items()}


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def wakes_of(pid):
    return int(re.search(r"\nvoluntary_ctxt_switches:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1])


class Full(Cluster):
    """cloisterd begins with `parked` users' notes in memory (bench-cloisterd)."""

    parked = 0

    def write_config(self):
        super().write_config()
        (self.dir / "bench-parked").write_text(f"{self.parked}\n")


def sizes():
    live = int(os.environ.get("CLOISTER_BENCH_LIVE", 100 if QUICK else 5000))
    parked = int(os.environ.get("CLOISTER_BENCH_PARKED", 2000 if QUICK else 100000))
    return live, parked


def bench_scale():
    """In a mount namespace of its own, in which bench-cloisterd stands in cloisterd's place."""
    over = f'mount --bind "{LIBEXEC}/bench-cloisterd" "{PREFIX}/sbin/cloisterd" && exec "$@"'
    options = [a for a in sys.argv if a.startswith("--")]
    done = subprocess.run(["unshare", "--mount", "--propagation", "private", "sh", "-c", over, "sh", sys.executable, bench_file(), "scale_inside", *options])
    assert done.returncode == 0, "scale failed"


def bench_file():
    return pathlib.Path(__file__).with_name("bench.py")


def bench_scale_inside():
    live, parked = sizes()
    Full.parked = parked
    cluster = Full(extra=f"[agents]\nmax={live + 100}\nidle_park_ms=86400000\nnotes_ttl_ms=86400000\n")
    try:
        measure_scale(cluster, live)
    finally:
        cluster.stop()


def grow(cluster, names):
    """Connects these and leaves each with a live, idle agent."""
    for i in range(0, len(names), 500):
        connect_many(cluster, names[i:i + 500])
        got = load(requests_file(cluster, names[i:i + 500], fresh=False), cluster, 4, 0)
        assert got["failed"] == 0, got["status"]
        progress(f"scale: {len(cluster.agents())} live")
    wait_until(60, lambda: not any(a["state"] == "busy" for a in cluster.agents()), "all are idle")


def interleaved_turns(cluster, few, n):
    return turn_times(cluster, few, ZONE, 10, MESSAGE) and turn_times(cluster, few, ZONE, n, MESSAGE)


def measure_scale(cluster, live):
    n = 20 if QUICK else 150
    names = [f"s{i}" for i in range(live)]
    grow(cluster, names[:10])
    with_ten = interleaved_turns(cluster, names[0], n)
    supervisor = cluster.programs()["cloisterd"]
    before, free_before = pss_kib(cluster), kib("/proc/meminfo", "MemAvailable")
    own_before, cluster_before = kib(f"/proc/{supervisor}/smaps_rollup", "Private_(?:Clean|Dirty)"), len(cluster.agents())
    grow(cluster, names[10:])
    time.sleep(3)  # what the start stirred up settles
    after, free_after = pss_kib(cluster), kib("/proc/meminfo", "MemAvailable")
    alive = len(cluster.agents())
    more = alive - cluster_before
    status = json.loads(cluster.ctl("status", "--json")[1])
    told = f"{alive} live idle agents and {status['sessions']['users']} users' sealed notes; {busy_note()}"
    report("scale", "user_memory", sum(after.values()) / 1024, "MiB", "limit", 600, alive,
           f"PSS of every process of Cloister: {', '.join(f'{k} {v / 1024:.0f}' for k, v in after.items())}; {told}",
           {name: [[0, v / 1024]] for name, v in after.items()})
    grown = (sum(after.values()) - sum(before.values())) / more
    lost = (free_before - free_after) / more
    report("scale", "agent_user", grown, "KiB", "", None, alive, "PSS for each further live agent, all processes together")
    report("scale", "agent_kernel", lost - grown, "KiB", "limit", 250, alive,
           "for each further live agent, what MemAvailable lost beyond PSS: page tables, stacks, slab; PostgreSQL and the stand-ins grow in it, too")
    report("idle_memory", "supervisor_private", (kib(f"/proc/{supervisor}/smaps_rollup", "Private_(?:Clean|Dirty)") - own_before) / more, "KiB", "limit", 16, alive,
           "cloisterd's own, per agent")
    report("scale", "parked_user", status["sessions"]["bytes"] / max(1, status["sessions"]["users"]) / 1024, "KiB", "", None,
           status["sessions"]["users"], "cloisterd's memory for each user of whom notes are kept, 2 KiB of text each")
    idle_minute(cluster, alive)
    with_many = interleaved_turns(cluster, names[0], n)
    report("scale", "median", statistics.median(with_many), "ms", "with 10 agents", statistics.median(with_ten), n, f"a turn; target ratio 1.1; {told}")
    report("scale", "p99", p99(with_many), "ms", "with 10 agents", p99(with_ten), n)


def idle_minute(cluster, alive):
    """Nobody asks anything: what it costs, and who wakes up all the same."""
    seconds = 5 if QUICK else 60
    supervisor = cluster.programs()["cloisterd"]
    agents = [a["pid"] for a in cluster.agents()]
    time.sleep(2)
    wakes, cpu, began = {pid: wakes_of(pid) for pid in agents}, cpu_seconds(supervisor), time.monotonic()
    time.sleep(seconds)
    took = time.monotonic() - began
    used = (cpu_seconds(supervisor) - cpu) / took * 100
    woken = sum(wakes_of(pid) - before for pid, before in wakes.items())
    report("scale", "idle_cpu", used, "%", "limit", 0.5, alive, f"of one core, cloisterd with all its threads, over {seconds} s")
    report("scale", "idle_wakes", woken / len(agents), "", "limit", 0, len(agents), f"per idle agent in {seconds} s; {woken} in all")
