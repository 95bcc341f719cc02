"""Searching directories of 300, 30,000 and 300,000 businesses: bench-search measures, this tells."""

import json
import statistics
import subprocess

from shared import HERE, LIBEXEC, QUICK, busy_note, p99, progress, quantiles, report

LIMITS = {300: 10, 30_000: 50, 300_000: 250}  # ms, for the slowest hundredth


def measured(size, rounds):
    done = subprocess.run([LIBEXEC / "bench-search", str(size), str(rounds), HERE / "directory.sql"], stdout=subprocess.PIPE,
                          check=True, timeout=3600, text=True)
    kinds = next(json.loads(line) for line in done.stdout.splitlines() if line.startswith("{"))
    return {kind: [us / 1000 for us in times] for kind, times in kinds.items()}


def bench_search():
    for size, limit in LIMITS.items():
        if QUICK and size > 300:
            continue
        progress(f"a directory of {size} businesses")
        kinds = measured(size, 20 if QUICK else 200)
        everything = [ms for times in kinds.values() for ms in times]
        medians = ", ".join(f"{kind} {statistics.median(times):.1f}" for kind, times in kinds.items())
        report("search", f"median_{size}", statistics.median(everything), "ms", "limit", limit / 2, len(everything),
               f"every call answered by PostgreSQL and logged; {busy_note()}", {kind: quantiles(times) for kind, times in kinds.items()})
        report("search", f"p99_{size}", p99(everything), "ms", "limit", limit, len(everything), f"medians: {medians}")
