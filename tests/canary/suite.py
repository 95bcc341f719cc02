#!/usr/bin/env python3
"""The canary suite: secrets in everything that users write and Google gives, and a look at every process, file and database
after each request. Usage: suite.py [--full] [kinds | plants | codes]… | swap. Ends with "canary: N requests, 0 found, N plants found"."""

import collections
import os
import re
import sys
import threading
import time
import traceback

from scanner import Scanner  # first: it finds the other suites' helpers
import kinds
import front_kinds  # noqa: F401 (adds its kinds)
import swap
import verdict
from codes import Codes
from plants import Plants, turn_that_cannot_end, without_scrubbing
from population import SOON, SOON_S, TURN_MS, People, TurnOver, Watched

FULL = bool(os.environ.get("CLOISTER_FULL")) or "--full" in sys.argv
REQUESTS, USERS = (520, 24) if FULL else (100, 8)


class Run:
    """Requests of every kind, each looked for as soon as it has ended."""

    def __init__(self, cluster, scanner):
        self.cluster, self.scanner = cluster, scanner
        self.people = People(cluster, scanner, USERS)
        self.people.watcher = self.watch
        self.requests, self.plants, self.found, self.broken, self.watched = 0, 0, set(), [], 0
        self.beside = collections.Counter()  # where a message is, beside its turn, while it runs

    def look(self):
        self.scanner.where(*self.cluster.places())
        return self.scanner.scan()

    def watch(self, words, turn, holds):
        """While a turn runs: tokens and calendar in it alone, and what it `holds` is seen there."""
        found = self.look()
        over = turn not in self.cluster.turns_running()  # perhaps before all of it was seen
        here = {f.name.split("/")[0] for f in found if f.place.startswith(f"memory of {turn} ")}
        if not holds <= here and not over:
            self.broken.append(f"{words.label}: the scan does not see in the turn what it holds: {holds - here}")
        for find in sorted(verdict.stray_while_running(found, turn, {"token", "calendar"}) - self.found):
            self.found.add(find)
            print(f"    FOUND while {words.label} runs: {find.name} as {find.form} in {find.place}", flush=True)
        beside = verdict.stray_while_running(found, turn, {"message"})
        self.beside.update(re.sub(r"\d+ |: .*", "", f.place) for f in beside)
        if over:
            raise TurnOver
        self.watched += 1

    def one(self, kind, user):
        words = self.people.words(kind.__name__)
        if not user.connected:
            user.connect(words)
        event = words.event()
        words.title = event["summary"]
        user.calendar([event])
        try:
            kind(self.people, user, words)
        except Exception:  # the rest still counts
            self.broken.append(f"{words.label}: {traceback.format_exc(limit=-3)}")
            self.people.admin.clear_faults()
        self.cluster.quiet()
        self.people.learn_tokens(user, words)
        self.requests += 1
        self.judge(words)

    def judge(self, words):
        leaks = verdict.leaks(self.look())
        until = time.monotonic() + SOON_S
        while any(re.match(SOON, f.place) for f in leaks - self.found) and time.monotonic() < until:
            leaks = {f for f in leaks if not re.match(SOON, f.place)} | verdict.leaks(self.look())
        for find in sorted(leaks - self.found):
            self.found.add(find)
            print(f"    FOUND after {words.label}: {find.name} as {find.form} in {find.place}", flush=True)

    def all(self):
        share = REQUESTS / sum(k.weight for k in kinds.KINDS)
        plan = [k for k in kinds.KINDS for _ in range(max(1, round(k.weight * share)))]
        # Kinds in turns rather than in blocks, and everybody's turn in turns.
        plan = sorted(plan, key=lambda k, seen=collections.Counter(): (seen.update([k.__name__]) or seen[k.__name__] / k.weight))
        for i, kind in enumerate(plan):
            self.one(kind, self.people.users[i % len(self.people.users)])
        made = collections.Counter(k.__name__ for k in plan)
        print("    " + ", ".join(f"{n} {name.replace('_', ' ')}" for name, n in sorted(made.items())))


def plant(run, scanner):
    """Every leak that the scan must find."""
    number, missed = Plants(run.cluster, scanner).run(scanner)
    run.broken += [f"a planted leak was not found: {what}" for what in missed]
    for name, wanted, got in (("a turn that cannot end", {"calendar", "message"}, turn_that_cannot_end(run)),
                              ("freed memory that is not wiped", {"words"}, without_scrubbing(scanner))):
        number += len(got)
        run.broken += [f"not found in {name}: {what}" for what in wanted - got]
    run.plants = number


def run_kinds(with_requests, with_plants):
    scanner, began = Scanner(), time.monotonic()
    cluster = Watched(extra=f"[gateway]\ntrusted_proxies=127.0.0.1\n[model]\nturn_timeout_ms={TURN_MS}\n")
    try:
        run = Run(cluster, scanner)
        if with_requests:
            run.all()
            report(run, scanner, began)
        if with_plants:
            plant(run, scanner)
    finally:
        cluster.stop()
        scanner.end()
    return run


def report(run, scanner, began):
    t = scanner.totals
    print(f"    {run.requests} requests, {scanner.scans} looks ({run.watched} while a turn ran), {time.monotonic() - began:.0f} s; "
          f"each look {t['ms'] / scanner.scans:.0f} ms: {t['processes'] / scanner.scans:.0f} processes, "
          f"{t['bytes'] / scanner.scans / 1e6:.0f} MB, {t['files'] / scanner.scans:.0f} files, {t['sockets'] / scanner.scans:.0f} sockets; "
          f"{scanner.last['secrets']} secrets in {scanner.last['needles']} forms; {t['unreadable']} mappings that cannot be read (memfd_secret)")
    print(f"    while its turn runs a message is also in: {', '.join(sorted(run.beside)) or 'nothing else'}")
    if not run.watched:
        run.broken.append("no turn could be looked at while it ran")
    if t["unreadable"]:
        run.broken.append("memory that not even root can read: turn memfd_secret off for this suite")


def swapping():
    told = swap.run()
    if isinstance(told, str):
        print(f"canary: swap: skipped: {told}")
        return 0
    broken, seen = told
    print("\n".join([f"    {line}" for line in seen] + [f"    BROKEN {line}" for line in broken]))
    print(f"canary: swap: {len(broken)} found")
    return 1 if broken else 0


def main():
    words = [a for a in sys.argv[1:] if not a.startswith("--")]
    if os.environ.get("CLOISTER_SANITIZED"):
        print("canary: not with a sanitizer: its allocator keeps what is freed")
        return 0
    if words == ["swap"]:
        return swapping()
    requests = found = plants = 0
    broken, table = [], None
    if not words or "codes" in words:
        table = Codes(Scanner(), FULL)
        beside = threading.Thread(target=table.run)
        beside.start()  # beside the requests: it mostly waits
    if not words or {"kinds", "plants"} & set(words):
        run = run_kinds(not words or "kinds" in words, not words or "plants" in words)
        requests, found, broken, plants = run.requests, len(run.found), run.broken, run.plants
    if table:
        beside.join()
        found, broken = found + len(table.found), broken + table.broken
        requests += len(table.table)
    for line in broken:
        print(f"    BROKEN {line}")
    print(f"canary: {requests} requests, {found} found, {plants} plants found", flush=True)
    return 0 if requests and not found and not broken else 1


if __name__ == "__main__":
    sys.exit(main())
