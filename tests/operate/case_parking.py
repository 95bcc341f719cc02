"""Parking: users are many, live processes are few; nobody notices, and a machine that is full says so."""

import concurrent.futures
import contextlib
import json
import os
import pathlib
import subprocess
import sys
import time
import unittest

from base import FULL, Case, day_after, starts_at, timed
from cluster import Cluster, alive, wait_until

ZONE, QUESTION = "Europe/Berlin", "What do I have tomorrow?"


class Parked(Case):
    def status(self):
        code, out, err = self.cluster.ctl("status", "--json")
        self.assertEqual(code, 0, err)
        return json.loads(out)

    def asked(self, user, message=QUESTION, **more):
        return self.front.stream(user, message, timezone=ZONE, **more)

    def live(self):
        return [a for a in self.cluster.agents() if a["state"] != "ending"]

    @contextlib.contextmanager
    def slow_model(self, ms):
        self.admin.call("POST", "/settings", {"model_delay_ms": ms})
        try:
            yield
        finally:
            self.admin.call("POST", "/settings", {"model_delay_ms": 0})


class Idle(Parked):
    extra = "[agents]\nidle_park_ms=200\n"

    def test_a_parked_conversation_goes_on(self):
        """The process is gone, its sealed notes are in memory, the next message finds them."""
        day = day_after(1, ZONE)
        user = self.person(ZONE)
        self.finished(self.asked(user, "Put lunch with Sam tomorrow at 12:00."))
        wait_until(10, lambda: not self.cluster.agents(), "the idle agent is parked")
        status = self.status()
        self.assertEqual(status["sessions"]["users"], 1, "its notes are kept")
        self.assertGreaterEqual(status["counters"]["parked"], 1)
        self.finished(self.asked(user, "Move it to four"))
        starts = [starts_at(e, ZONE) for e in self.admin.events(user)]
        self.assertEqual([(s.date(), s.hour) for s in starts], [(day, 16)])


class Quiet(Parked):
    def test_idle_agents_do_not_wake_up(self):
        """Nor does cloisterd do more for them than look at its memory once a second."""
        user = self.person(ZONE)
        self.finished(self.asked(user))
        agent = wait_until(5, lambda: next((a["pid"] for a in self.live() if a["origin"] == "owner" and a["state"] == "idle"), None), "idle")

        def wakes():
            text = pathlib.Path(f"/proc/{agent}/status").read_text()
            return [int(line.split()[1]) for line in text.splitlines() if "ctxt_switches" in line]

        wait_until(10, lambda: not pathlib.Path(f"/proc/{agent}/task/{agent}/children").read_text(), "its turn has ended")
        time.sleep(0.5)  # what it still does about that
        before = wakes()
        time.sleep(60 if FULL else 17)  # the time is what is measured
        self.assertEqual(wakes(), before)
        self.finished(self.asked(user))
        self.assertNotEqual(wakes(), before, "the control: a turn wakes it")


class Many(Parked):
    extra = "[agents]\nmax=3\nfull_wait_ms=20000\nfull_waiting=2\n"  # nobody is refused, however slow the machine is

    def test_many_users_share_few_processes(self):
        refused = self.status()["counters"]["refused"]
        users = [self.person(ZONE, [timed(f"Meeting {i}", day_after(1, ZONE), "10:00", "11:00", ZONE)]) for i in range(7)]
        for _ in range(2):
            for i, user in enumerate(users):
                got = self.finished(self.asked(user))
                self.assertIn(f"Meeting {i}", got.text)
                self.assertLessEqual(len(self.live()), 3)
        # All at once: every one is answered, though at most three at a time.
        with self.slow_model(50), concurrent.futures.ThreadPoolExecutor(5) as pool:
            for i, got in enumerate(pool.map(self.asked, users[:5])):
                self.assertIn(f"Meeting {i}", self.finished(got).text)
        self.assertEqual(self.status()["counters"]["refused"], refused)


class Few(Parked):
    extra = "[agents]\nmax=3\nfull_wait_ms=1500\nfull_waiting=2\n"

    def test_full_is_said_clearly(self):
        """While all are busy a request waits for a while, a bounded number of them do, and then it is 503 with Retry-After."""
        users = [self.person(ZONE) for _ in range(6)]
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            with self.slow_model(4000):
                busy = [pool.submit(self.asked, user) for user in users[:3]]
                wait_until(10, lambda: self.status()["agents"]["busy"] == 3, "three are busy")
                began = time.monotonic()
                waiting = [pool.submit(self.asked, user) for user in users[3:5]]
                wait_until(2, lambda: self.status()["agents"]["waiting"] == 2, "two wait")
                at_once = self.asked(users[5])
                self.assertLess(time.monotonic() - began, 1.4, "nobody else may wait")
                for got in [at_once, *(w.result() for w in waiting)]:
                    self.assertEqual((got.status, got.code), (503, "full"), got)
                    self.assertGreaterEqual(int(got.headers["Retry-After"]), 1)
                self.assertGreaterEqual(time.monotonic() - began, 1.4, "the two did wait")
            for got in busy:
                self.finished(got.result())
        for user in users[3:]:
            self.finished(self.asked(user))


GROUP = pathlib.Path(f"/sys/fs/cgroup/memory/cloister-parking-{os.getpid()}")
LIMIT = 1 << 30
# Takes as many MiB as its input says, line by line, and holds them; is told nothing of the test.
EATER = """
import sys
held = []
for line in sys.stdin:
    if int(line) == 0:
        held.clear()
    else:
        held.append(bytearray(int(line) << 20))
        held[-1][::4096] = b"x" * len(held[-1][::4096])
    print("ok", flush=True)
"""


class Boxed(Cluster):
    """All of it in a control group of a gigabyte."""

    def quickstart(self, *args):
        own = pathlib.Path("/sys/fs/cgroup/memory") / next(
            line.split(":", 2)[2] for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines() if ":memory:" in line).lstrip("/")
        (GROUP / "cgroup.procs").write_text(str(os.getpid()))
        try:
            return super().quickstart(*args)
        finally:
            (own if own.exists() else GROUP.parent).joinpath("cgroup.procs").write_text(str(os.getpid()))


class Short(Parked):
    extra = "[agents]\nshort_batch=4\n"

    @classmethod
    def setUpClass(cls):
        try:
            GROUP.mkdir()
            (GROUP / "memory.limit_in_bytes").write_text(str(LIMIT))
        except OSError as error:
            raise unittest.SkipTest(f"needs a memory control group (version 1) that can be made: {error}") from error
        cls.cluster = Boxed(cls.provider, cls.extra)
        cls.front, cls.admin = cls.cluster.front, cls.cluster.admin

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        wait_until(10, lambda: not (GROUP / "cgroup.procs").read_text().strip(), "an empty group")
        GROUP.rmdir()

    def free_mib(self):
        cache = next(int(line.split()[1]) for line in (GROUP / "memory.stat").read_text().splitlines() if line.startswith("total_inactive_file "))
        return (LIMIT - int((GROUP / "memory.usage_in_bytes").read_text()) + cache) >> 20

    @contextlib.contextmanager
    def eater(self):
        eater = subprocess.Popen([sys.executable, "-c", EATER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        (GROUP / "cgroup.procs").write_text(str(eater.pid))

        def eat(mib):
            eater.stdin.write(f"{mib}\n")
            eater.stdin.flush()
            self.assertEqual(eater.stdout.readline(), "ok\n", "the eater was killed before it had all")
        try:
            yield eat
        finally:
            eater.kill()
            eater.communicate()

    def test_short_memory_parks_then_refuses(self):
        users = [self.person(ZONE) for _ in range(12)]
        for user in users:
            self.finished(self.asked(user))
        pids = {a["pid"] for a in self.live()}
        self.assertEqual(len(pids), 12)
        self.assertEqual(self.status()["memory"]["short"], "none")
        with self.eater() as eat:
            eat(self.free_mib() - 85)  # low: under 102 MiB, not under 51
            wait_until(10, lambda: not self.live(), "all idle agents are parked")
            status = self.status()
            self.assertEqual(status["memory"]["whole_bytes"], LIMIT, "the group counts, not the machine")
            self.assertEqual(status["counters"]["relieved"], 12)
            self.finished(self.asked(users[0]))  # who asks is served still
            eat(self.free_mib() - 30)
            wait_until(5, lambda: self.status()["memory"]["short"] == "least", "at the edge")
            wait_until(5, lambda: not self.live(), "parked")
            got = self.asked(users[1])
            self.assertEqual((got.status, got.code), (503, "full"), got)
            self.assertGreaterEqual(int(got.headers["Retry-After"]), 1)
            programs = self.cluster.programs()
            eat(0)
            wait_until(5, lambda: self.status()["memory"]["short"] == "none", "room again")
        for user in users:
            self.finished(self.asked(user))
        self.assertEqual(self.cluster.programs(), programs, "nothing died")
        self.assertTrue(all(alive(a["pid"]) for a in self.live()))
