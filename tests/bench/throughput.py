"""throughput: turns a second at saturation beside the bare client from a pool of processes, and latency below that."""

import statistics
import subprocess
import time

from cluster import Cluster
from shared import (LIBEXEC, MESSAGE, QUICK, ZONE, busy_note, connect_many, load, p99, progress, recorded_calls, report, requests_file)

CONCURRENCY = (1, 2, 4, 8, 16, 32)
SHARES = (0.1, 0.25, 0.5, 0.75, 0.9)


def pool_rate(path, ca, processes, seconds, guess):
    """Rounds a second of so many bench-replay processes at once, each from its first start to the last one's end."""
    count = max(5, int(guess * seconds / processes))
    began = time.monotonic()
    running = [subprocess.Popen([LIBEXEC / "bench-replay", path, ca, str(count), "fresh"], stdout=subprocess.DEVNULL) for _ in range(processes)]
    for process in running:
        assert process.wait(600) == 0
    return (count + 1) * processes / (time.monotonic() - began)


def pool_by_clock(path, ca, processes, seconds, rate):
    """Milliseconds of rounds that begin by the clock, so many a second, spread over the pool evenly."""
    period = int(processes / rate * 1e6)
    start = int(time.monotonic() * 1e6) + 1_000_000  # by then all have had their first round, which is not counted
    running = [subprocess.Popen([LIBEXEC / "bench-replay", path, ca, str(max(5, int(seconds * 1e6 / period))), "fresh",
                                 str(start + i * period // processes), str(period)], stdout=subprocess.PIPE) for i in range(processes)]
    said = [process.communicate(timeout=600)[0] for process in running]
    assert all(process.returncode == 0 for process in running)
    return [int(us) / 1000 for text in said for us in text.split()]


def ask(asked, cluster, concurrency, seconds, rate=None):
    got = load(asked, cluster, concurrency, seconds, rate)
    assert got["failed"] == 0, f"{got['failed']} requests failed: {got['status']}"
    return got


def bench_throughput():
    cluster = Cluster()
    try:
        names = [f"t{i}" for i in range(48)]
        connect_many(cluster, names)
        path, _ = recorded_calls(cluster, names[0], MESSAGE, ZONE)
        cluster.admin.call("POST", "/requests", {"bodies": False})
        asked = requests_file(cluster, names)
        ask(asked, cluster, 8, 2)  # everybody's agent and access token
        seconds = 2 if QUICK else 8
        ours, theirs, guess = {}, {}, 100
        for concurrency in CONCURRENCY:  # alternately, so that a noisy minute hits both
            got = ask(asked, cluster, concurrency, seconds)
            ours[concurrency] = len(got["ms"]) / got["seconds"]
            guess = theirs[concurrency] = pool_rate(path, cluster.named["CA_FILE"], concurrency, seconds, guess)
            progress(f"throughput: {concurrency} at once: {ours[concurrency]:.0f} turns/s, bare clients {theirs[concurrency]:.0f}")
        best, rival = max(ours.values()), max(theirs.values())
        points = {"Cloister": list(ours.items()), "bare clients": list(theirs.items())}
        report("throughput", "saturation", best, "1/s", "libcurl clients in a pool of processes", rival, len(CONCURRENCY),
               f"turns a second; target ratio at least 0.7; {busy_note()}", points)
        by_load(asked, cluster, best, seconds, lambda rate: pool_by_clock(path, cluster.named["CA_FILE"], 24, max(3, seconds), rate), rival)
    finally:
        cluster.stop()


def by_load(asked, cluster, best, seconds, bare, rival):
    """Open loop: requests begin by the clock."""
    p50s, p99s = [], []
    for share in SHARES:
        got = ask(asked, cluster, 40, max(3, seconds), best * share)
        p50, high = statistics.median(got["ms"]), p99(got["ms"])
        p50s.append([share * 100, p50])
        p99s.append([share * 100, high])
        if share == 0.5:
            report("throughput", "p99_at_half", high, "ms", "twice p50", 2 * p50, len(got["ms"]), f"at {best * share:.0f} turns a second; {busy_note()}")
            theirs = bare(rival * share)  # what this machine makes of a steady rate anyhow
            report("throughput", "spread_at_half", high / p50, "p99/p50", "the bare clients at half of theirs",
                   p99(theirs) / statistics.median(theirs), len(theirs), f"p99 {p99(theirs):.1f} ms, median {statistics.median(theirs):.1f} ms of theirs")
    report("throughput", "p50_at_most", p50s[-1][1], "ms", "at a tenth of saturation", p50s[0][1], len(SHARES),
           f"median at {SHARES[-1]:.0%} of saturation", {"median": p50s, "p99": p99s})
