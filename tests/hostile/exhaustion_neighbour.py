"""Exhaustion, as the neighbours feel it: while one user's agent attacks, the others' turns all succeed, and at 40% of
what the system can do their median answer takes at most 1.2 times what it takes in peace.

Peace and war alternate in one run, so that a noisy minute hits both. With CLOISTER_FULL the ratio is asserted; else it is
printed, and only a gross one fails. Part of tests/hostile/run; alone: exhaustion_neighbour.py [ATTACK...]"""

import os
import re
import statistics
import sys
import threading
import time

from stage import Stage

FULL = bool(os.environ.get("CLOISTER_FULL"))
SHARE, LIMIT, GROSS = 0.4, 1.2, 8.0
ROUNDS, PEACE_S = (8, 3.0) if FULL else (1, 0.9)
NEIGHBOURS, ZONE, MESSAGE = 4, "Europe/Berlin", "Am I free tomorrow at 3pm?"
# What is attempted, and as whom: rows of exhaustion_attackers.c, and of the table, asked for again and again.
ATTACKS = {"burn": "turn", "churn": "turn", "log_flood": "turn", "dial_flood": "turn", "fork_flood": "agent",
           "many_tools": "turn", "many_host_calls": "turn", "endless_text": "turn"}
TIMEOUT_MS = 5000 if FULL else 3000


class Street:
    """Neighbours who ask at a steady pace, whatever the answers take."""

    def __init__(self, stage):
        self.stage, self.names = stage, [f"n{i}" for i in range(NEIGHBOURS)]
        self.failed = []
        for name in self.names:
            stage.connect(name)
        self.walk(8, 0)  # warm

    def ask(self, name, round_):
        began = time.perf_counter()
        got = self.stage.front.stream(name, MESSAGE, timezone=ZONE, conversation=f"c{round_ % 3}")
        if got.error or not got.done:
            self.failed.append(f"{name}: {got!r}")
        return time.perf_counter() - began

    def walk(self, n, gap):
        """n questions, one every `gap` seconds, neighbour after neighbour: how long each took."""
        times, threads, lock = [], [], threading.Lock()
        start = time.perf_counter()

        def one(i):
            took = self.ask(self.names[i % NEIGHBOURS], i)
            with lock:
                times.append(took)

        for i in range(n):
            time.sleep(max(0.0, start + i * gap - time.perf_counter()))
            threads.append(threading.Thread(target=one, args=(i,)))
            threads[-1].start()
            if gap == 0 and len(threads) >= NEIGHBOURS:
                threads[-NEIGHBOURS].join()
        for thread in threads:
            thread.join()
        return times, time.perf_counter() - start

    def pace(self):
        """Seconds between questions at SHARE of the most that can be answered."""
        n = 120 if FULL else 40
        _, took = self.walk(n, 0)
        return took / n / SHARE


class Attack:
    """Goes on in the background while the block lasts."""

    def __init__(self, stage, role, name):
        self.stage, self.role, self.name, self.told = stage, role, name, []
        self.ended = threading.Event()

    def __enter__(self):
        self.thread = threading.Thread(target=self.go)
        self.thread.start()
        return self

    def go(self):
        while not self.ended.is_set():
            got = self.stage.front.stream("attacker", f"hostile {self.role} {self.name} seconds=1")
            if got.code == "busy":  # its agent rests; a frontend waits as long as it is told to
                self.ended.wait(got.error.get("retry_after_ms", 1000) / 1000)
            else:
                self.told.append(" ".join(got.text.split()) or got.code)

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()


def asked(stage, words):
    """Of an attacker who has not been one yet: whose agent broke the rules rests."""
    asked.count = getattr(asked, "count", 0) + 1
    stage.connect(f"attacker{asked.count}")
    return stage.front.stream(f"attacker{asked.count}", words)


def limits(stage, say):
    """Attacks whose end is the point: each is ended or held, and the neighbours go on."""
    faults = []

    def check(what, good, told):
        say(f"    {what}: {told}")
        if not good:
            faults.append(f"{what}: {told}")

    began = time.monotonic()
    got = asked(stage, "hostile turn burn seconds=60")
    took = time.monotonic() - began
    check("computing without end is ended at the turn's deadline", got.code == "turn_timeout" and took < TIMEOUT_MS / 1000 + 4,
          f"{got.code} after {took:.1f} s")
    got = asked(stage, "hostile agent huge_length ")
    check("a length of 2^63 ends the agent", got.code == "agent_lost" and not got.text, got.code or got.text)
    mark = len(stage.log())
    got = asked(stage, "hostile turn log_flood seconds=2")
    lines = stage.log()[mark:].count("a hostile line")
    closed = len(re.findall(r"user [0-9a-f]{32}, owner\) wrote too many lines to the log", stage.log()[mark:]))
    check("a flood of lines: an agent's share is kept, then its pipe is closed, which is said once", lines <= 100 and closed == 1,
          f"{got.text.strip()}; {lines} kept")
    got = asked(stage, "hostile turn dial_flood seconds=1")
    check("a flood of dials: refused after a turn's share", " refused" in got.text, got.text.strip())
    return faults


def half_message(stage, street, say):
    """cloisterd waits for the other half, and meanwhile for the turn: the deadline ends both."""
    began = time.monotonic()
    waiting = threading.Thread(target=lambda: asked(stage, "hostile agent half_message"))
    waiting.start()
    street.walk(NEIGHBOURS * 2, 0.05)
    waiting.join()
    took = time.monotonic() - began
    say(f"    half a message: ended after {took:.1f} s")
    return [] if took < TIMEOUT_MS / 1000 + 5 else [f"half a message: {took:.1f} s"]


def measure(stage, street, gap, name, say):
    peace, war, told = [], [], []
    n = max(8, int(PEACE_S / gap))
    for _ in range(ROUNDS):
        peace += street.walk(n, gap)[0]
        with Attack(stage, ATTACKS[name], name) as attack:
            war += street.walk(n, gap)[0]
        told += attack.told
    calm, hard = statistics.median(peace), statistics.median(war)
    ratio = hard / calm
    say(f"    {name:16} neighbours {calm * 1000:6.1f} ms in peace, {hard * 1000:6.1f} ms beside it: {ratio:.2f}"
        f"   ({len(war)} answers; {len(told)} attacks, the last: {(told or ['none ended'])[-1][:50]})")
    return ratio


def run(words=(), say=print):
    """Faults as lines of text."""
    stage = Stage(extra=f"[model]\nturn_timeout_ms={TIMEOUT_MS}\n", rest_ms=500, watch_ms=1000)
    try:
        stage.connect("attacker")
        street = Street(stage)
        gap = street.pace()
        say(f"-- exhaustion, and the neighbours at {SHARE:.0%} of saturation: a question every {gap * 1000:.0f} ms")
        ratios = {name: measure(stage, street, gap, name, say) for name in ATTACKS if not words or name in words}
        bound = LIMIT if FULL else GROSS
        faults = [f"neighbours beside {name}: {ratio:.2f} times" for name, ratio in ratios.items() if ratio > bound]
        faults += limits(stage, say)
        faults += half_message(stage, street, say)
        return faults + [f"a neighbour's turn failed: {f}" for f in street.failed]
    finally:
        stage.stop()


if __name__ == "__main__":
    found = run(sys.argv[1:])
    print("\n".join(found))
    sys.exit(1 if found else 0)
