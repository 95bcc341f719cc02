#!/usr/bin/env python3
"""The benchmarks: started by tests/bench/run. Each prints its figure beside a rival or a limit that was
measured in the same run on the same machine."""

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

from assistants import bench_mcp
from shared import ARGS, LIBEXEC, MESSAGE, QUICK, ZONE, busy_note, p99, progress, quantiles, recorded_calls, replay, report, turn_times
from booking import bench_booking
from parking import bench_scale, bench_scale_inside, bench_wake
from search import bench_search
from throughput import bench_throughput

# ---- spawn and idle memory: the real zygote under a bench supervisor ----

def agents_bench(*args):
    done = subprocess.run([LIBEXEC / "bench-agents", *map(str, args)], stdout=subprocess.PIPE, check=True, timeout=600)
    return json.loads(done.stdout)


def bwrap_times(n):
    """Milliseconds to a bubblewrap sandbox with the same namespaces that runs /bin/true."""
    command = ["bwrap", "--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts",
               "--ro-bind", "/usr", "/usr", "--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64",
               "--symlink", "usr/bin", "/bin", "--die-with-parent", "--cap-drop", "ALL", "/bin/true"]
    times = []
    for _ in range(n):
        began = time.perf_counter()
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
        times.append((time.perf_counter() - began) * 1000)
    return times


def bench_spawn():
    n = 50 if QUICK else 500
    got = agents_bench("spawn", n)
    bwrap = bwrap_times(20 if QUICK else 100)
    times = got["spawn_ms"]
    report("spawn", "median", statistics.median(times), "ms", "bwrap", statistics.median(bwrap), n,
           f"request to answered hello, all walls up; target 0.8 ms, ratio at most 0.25; {busy_note()}",
           {"agent": quantiles(times), "bwrap": quantiles(bwrap), "bare fork": quantiles(got["fork_ms"])})
    report("spawn", "p99", p99(times), "ms", "bwrap", p99(bwrap), n)
    report("spawn", "median_beside_fork", statistics.median(times), "ms", "bare fork and exit",
           statistics.median(got["fork_ms"]), n)


def bench_idle_memory():
    counts = (10, 50, 100) if QUICK else (10, 100, 300, 1000, 2000)
    private, pss, lost = [], [], []
    for n in counts:
        got = agents_bench("memory", n)
        private.append([n, statistics.median(got["private_kib"])])
        pss.append([n, statistics.median(got["pss_kib"])])
        lost.append([n, got["memavailable_kib"] / n])
    n = counts[-1]
    points = {"private": private, "PSS": pss, "by MemAvailable, the kernel's share with it": lost}
    report("idle_memory", "private_median", private[-1][1], "KiB", "limit", 64, n, "per idle agent", points)
    report("idle_memory", "pss_median", pss[-1][1], "KiB", "limit", 128, n, "per idle agent")
    report("idle_memory", "memavailable", lost[-1][1], "KiB", "", None, n,
           "per idle agent by MemAvailable: with page tables, stacks, slab, and the bench supervisor's share")


# ---- whole system ----

def bench_turn():
    from cluster import Cluster
    cluster = Cluster()
    try:
        cluster.connect("bench", timezone=ZONE)
        n = 20 if QUICK else 200
        turn_times(cluster, "bench", ZONE, 5, MESSAGE)
        path, calls = recorded_calls(cluster, "bench", MESSAGE, ZONE)
        # Interleaved, so that a noisy minute hits both.
        ours, theirs = [], []
        for _ in range(4):
            ours += turn_times(cluster, "bench", ZONE, n // 4, MESSAGE)
            theirs += replay(path, cluster.named["CA_FILE"], n // 4, "fresh")
        note = f"{calls} HTTP calls, TLS, fresh connections; target ratio 1.3"
        report("turn", "median", statistics.median(ours), "ms", "libcurl client, fresh connections", statistics.median(theirs), len(ours), note)
        report("turn", "p99", p99(ours), "ms", "libcurl client, fresh connections", p99(theirs), len(ours))
    finally:
        cluster.stop()
    bench_turn_far()


RTT_MS = 40


def bench_turn_far():
    """The same with a 40 ms round trip between Cloister and the world: a relay between two namespaces."""
    a, b = f"cloister-a-{os.getpid()}", f"cloister-b-{os.getpid()}"
    relay = None
    try:
        for name in (a, b):
            subprocess.run(["ip", "netns", "add", name], check=True)
            subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)
        relay = subprocess.Popen([LIBEXEC / "bench-tun-relay", a, b, str(RTT_MS * 500)], stdout=subprocess.PIPE)
        assert relay.stdout.readline().strip() == b"ready"
        for name, own in ((a, 1), (b, 2)):
            subprocess.run(["ip", "-n", name, "addr", "add", f"10.77.0.{own}/24", "dev", "relay"], check=True)
            subprocess.run(["ip", "-n", name, "link", "set", "relay", "up", "mtu", "1500"], check=True)
        env = {**os.environ, "CLOISTER_BENCH_FAR": b}
        done = subprocess.run(["ip", "netns", "exec", a, sys.executable, __file__, "turn_far", *[x for x in ARGS if x.startswith("--")]],
                              env=env, timeout=900)
        assert done.returncode == 0, "the far part failed"
    finally:
        if relay:
            relay.terminate()
            relay.wait()
        for name in (a, b):
            subprocess.run(["ip", "netns", "del", name], check=False)


def bench_turn_far_inside():
    from cluster import Cluster
    netns = os.environ["CLOISTER_BENCH_FAR"]

    class Far(Cluster):
        world_prefix = ("ip", "netns", "exec", netns)
        world_options = ("--google-listen", "10.77.0.2:0", "--model-listen", "10.77.0.2:0",
                         "--admin-listen", "10.77.0.2:0", "--name", "10.77.0.2")

    cluster = Far()
    try:
        cluster.connect("bench", timezone=ZONE)
        n = 12 if QUICK else 60
        turn_times(cluster, "bench", ZONE, 5, MESSAGE)
        path, _ = recorded_calls(cluster, "bench", MESSAGE, ZONE)
        ours = turn_times(cluster, "bench", ZONE, n, MESSAGE)
        warm = replay(path, cluster.named["CA_FILE"], n, "warm")
        fresh = replay(path, cluster.named["CA_FILE"], n, "fresh")
        behind = statistics.median(ours) - statistics.median(warm)
        report("turn", f"median_rtt{RTT_MS}", statistics.median(ours), "ms", "libcurl client, warm connections", statistics.median(warm), n)
        report("turn", f"fresh_rtt{RTT_MS}", statistics.median(ours), "ms", "libcurl client, fresh connections", statistics.median(fresh), n)
        report("turn", "behind_warm", behind, "ms", "one round trip", RTT_MS, n, "target ratio 1")
    finally:
        cluster.stop()


# ---- how long a token lives ----

def turn_of(agent):
    """Waits for the turn that this agent forks."""
    path = pathlib.Path(f"/proc/{agent}/task/{agent}/children")
    end = time.monotonic() + 10
    while time.monotonic() < end:
        found = path.read_text().split()
        if found:
            return int(found[0])
    raise AssertionError("no turn")


def token_life(cluster, user, agent, body):
    """One request: seconds from its turn's start to the turn's end, when the kernel has taken its memory; from the request's
    end, as its caller sees it, to that; and of the request. Clean before: no turn runs."""
    head = [f"Authorization: Bearer {cluster.front.key}", "Content-Type: application/json", "Accept: text/event-stream", "Host: x",
            "Connection: close", f"Content-Length: {len(body)}", *(f"{k}: {v}" for k, v in cluster.front.grant_headers(user).items())]
    with socket.create_connection(("127.0.0.1", cluster.port), 20) as line:
        asked = time.monotonic()
        line.sendall(("POST /v1/chat HTTP/1.1\r\n" + "\r\n".join(head) + "\r\n\r\n").encode() + body)
        turn = os.pidfd_open(turn_of(agent))
        began, gone, ended, told = time.monotonic(), None, None, b""
        try:
            while gone is None or ended is None:
                ready, _, _ = select.select([x for x, done in ((turn, gone), (line, ended)) if done is None], [], [], 20)
                now = time.monotonic()
                assert ready, "the turn or the answer has no end"
                if turn in ready:
                    gone = now
                if line in ready:
                    data = line.recv(1 << 16)
                    told += data
                    if not data or b"event: done" in told:
                        ended = now
        finally:
            os.close(turn)
    assert b"event: done" in told, told[-300:]
    return gone - began, gone - ended, ended - asked


def bench_token_lifetime():
    """Token plaintext is in the turn alone (tests/canary shows it), so it is gone when the turn's memory is."""
    from cluster import Cluster
    cluster = Cluster()
    try:
        cluster.connect("bench", timezone=ZONE)
        n = 30 if QUICK else 300
        turn_times(cluster, "bench", ZONE, 5, MESSAGE)
        agent = next(a["pid"] for a in cluster.agents() if a["origin"] == "owner")
        lives = []
        for i in range(n):
            body = json.dumps({"user": "bench", "message": MESSAGE, "timezone": ZONE, "conversation": f"t{i}"}).encode()
            lives.append(token_life(cluster, "bench", agent, body))
        life, after, request = ([seconds * 1000 for seconds in column] for column in zip(*lives))
        for metric, pick in (("median", statistics.median), ("p99", p99)):
            report("token_lifetime", metric, pick(life), "ms", "the request, as its caller sees it", pick(request), n,
                   "from a turn's start to the end of its memory")
        for metric, pick in (("after_end_median", statistics.median), ("after_end_p99", p99)):
            report("token_lifetime", metric, pick(after), "ms", "limit", 50, n,
                   "from the end of the request to the end of the turn's memory; negative: it was gone before")
    finally:
        cluster.stop()


def bench_scrub():
    """Wiping what is freed, beside the same work with the plain allocator: alternately, so that a noisy minute hits both."""
    runs = {"bench-scrub": {}, "bench-scrub-without": {}}
    for _ in range(1 if QUICK else 5):
        for program, times in runs.items():
            done = subprocess.run([LIBEXEC / program], stdout=subprocess.PIPE, check=True, timeout=120)
            for metric, values in json.loads(done.stdout).items():
                times.setdefault(metric, []).extend(values)
    for metric, values in runs["bench-scrub"].items():
        plain = runs["bench-scrub-without"][metric]
        report("scrub", metric, statistics.median(values), "ns", "without wiping", statistics.median(plain), len(values),
               "one block written and freed" if metric.startswith("free") else "one piece of answer decoded and encoded")


BENCHES = {"spawn": bench_spawn, "idle_memory": bench_idle_memory, "turn": bench_turn, "token_lifetime": bench_token_lifetime,
           "wake": bench_wake, "throughput": bench_throughput, "scale": bench_scale, "scrub": bench_scrub, "mcp": bench_mcp, "booking": bench_booking, "search": bench_search}


def main():
    names = [a for a in ARGS if not a.startswith("--")]
    inside = {"turn_far": bench_turn_far_inside, "scale_inside": bench_scale_inside}
    if len(names) == 1 and names[0] in inside:
        inside[names[0]]()
        return
    for name in names or BENCHES:
        if name not in BENCHES:
            sys.exit(f"there is no benchmark {name}; there are {', '.join(BENCHES)}")
        progress(f"== {name}")
        BENCHES[name]()


if __name__ == "__main__":
    main()
