#!/usr/bin/env python3
"""Random faults under load, and what must hold all the same: every request ends in an answer or a clear error, nobody
gets another's answer, no event is doubled, and afterwards nothing is left over. Each check is tried on a planted finding first.

Usage: suite.py [--faults N] [--users N] [--seed N]
CLOISTER_PREFIX is where Cloister is installed; CLOISTER_FULL=yes for 1,000 faults (some 20 minutes)."""

import argparse
import os
import pathlib
import random
import socket
import sys
import time
import uuid

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "main")]

from arena import Arena  # noqa: E402
from base import day_after, timed  # noqa: E402
from checks import Checks  # noqa: E402
from cluster import wait_until  # noqa: E402
from faults import Faults  # noqa: E402
from load import ZONE, Load, User  # noqa: E402


def arguments():
    full = bool(os.environ.get("CLOISTER_FULL"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faults", type=int, default=1000 if full else 45)
    parser.add_argument("--users", type=int, default=24 if full else 10)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    return parser.parse_args()


def people(arena, count):
    users = []
    for _ in range(count):
        word = "Z" + uuid.uuid4().hex[:12]
        user = User("u" + uuid.uuid4().hex[:10], word)
        arena.connect(user.name, timezone=ZONE,
                      events=[timed(word, day_after(1, ZONE), "10:00", "11:00", ZONE)])
        users.append(user)
    return users


def wreak(faults, count):
    """Does the faults one after another; what each was done to is printed when it came to nothing."""
    done, idle = {}, 0
    for n, name in enumerate(faults.plan(count)):
        began = time.monotonic()
        try:
            what = getattr(faults, name)()
        except (AssertionError, OSError, ValueError, KeyError) as error:
            print(f"  fault {n}, {name}: {error}", flush=True)
            done.setdefault("could not be done", []).append(name)
            continue
        if what is None:
            idle += 1
        done.setdefault(name, []).append(time.monotonic() - began)
        if (n + 1) % 50 == 0:
            print(f"  {n + 1} of {count} faults", flush=True)
    for name in sorted(done):
        print(f"  {name:28} {len(done[name]):4}")
    if idle:
        print(f"  {idle} of them found nothing to be done to")
    return sum(len(v) for k, v in done.items() if k != "could not be done"), len(done.get("could not be done", []))


def main():
    given = arguments()
    rng = random.Random(given.seed)
    print(f"seed {given.seed}: {given.faults} faults, {given.users} users", flush=True)
    arena = Arena()
    try:
        users = people(arena, given.users)
        faults = Faults(arena, rng)
        arena.rest()
        before = arena.inventory()
        load = Load(arena.front, users)
        load.start()
        wait_until(30, lambda: len(load.attempts) > len(users), "load")
        made, failed = wreak(faults, given.faults)
        arena.admin.clear_faults()
        hanging = load.stop(120)
        checks = Checks(arena, load, faults, hanging)
        checks.healthy_again()
        checks.settle()
        arena.rest()
        checks.all(before, arena.inventory())
        checks.controls(before, lambda: socket.create_connection(("127.0.0.1", arena.port)))
        for line in checks.said:
            print("  " + line)
        if checks.failed:
            print("  last log lines:\n    " + "\n    ".join(arena.log().splitlines()[-25:]))
    finally:
        if os.environ.get("CLOISTER_KEEP"):
            print(f"  kept {arena.dir}")
        else:
            arena.stop()
    print("  skipped: the machine's own clock is not moved (other programs of this machine have the same one)")
    print(f"{made + checks.passed} passed, {failed + checks.failed} failed, 1 skipped")
    return 1 if failed or checks.failed else 0


if __name__ == "__main__":
    sys.exit(main())
