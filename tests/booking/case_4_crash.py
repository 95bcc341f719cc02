"""Bookings while Cloister's programs and database connections are killed at random. Afterwards every booking has exactly
one event, every event one booking, and nothing is held that nobody waits for."""

import concurrent.futures
import os
import random
import signal
import threading
import time
import uuid

from base import FULL
from cluster import kill, wait_until
from front_door import FrontCase, at, when

BOOKINGS = 500 if FULL else 60
OWNERS = 10 if FULL else 3
WORKERS = 6 if FULL else 3
KILLS_EACH = 0.25
SEED = int(os.environ.get("CLOISTER_SEED") or random.SystemRandom().randrange(1 << 31))
PROGRAMS = ("cloister-business", "cloister-business", "cloisterd", "cloister-egress", "cloister-keys", "cloister-gateway-public")


class Crash(FrontCase):
    def setUp(self):
        self.random = random.Random(SEED)
        self.killed = 0
        self.over, self.begun = threading.Event(), threading.Event()

    # -- who kills --
    def kill_one(self):
        kind = self.random.random()
        try:
            if kind < 0.45:
                self.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'cloister-business' "
                         "ORDER BY random() LIMIT 2")
            elif kind < 0.6:
                cells = self.cluster.cell_pids()
                if cells:
                    os.kill(self.random.choice(cells), signal.SIGKILL)
            else:
                pid = self.cluster.programs().get(self.random.choice(PROGRAMS))
                if pid:
                    os.kill(pid, signal.SIGKILL)
            self.killed += 1
        except (ProcessLookupError, AssertionError):
            pass  # it was away already

    def keep_killing(self):
        """Some moment after a booking has begun, so that every step is hit; now and then at any moment."""
        while not self.over.is_set():
            self.begun.wait(0.5)
            self.begun.clear()
            time.sleep(self.random.uniform(0, 0.06))
            self.kill_one()

    def wait_for_kills(self, n):
        """The n-th booking does not begin before enough was killed: however fast the machine, kills come among bookings."""
        end = time.monotonic() + 20
        while self.killed < n * KILLS_EACH and time.monotonic() < end:
            self.over.wait(0.02)

    def test_ready_means_that_the_directory_answers(self):
        """Started anew, it says that it is ready once its schema is there, and who asks then is answered at once."""
        slug, _ = self.business()
        before = self.cluster.log().count("cloister-business: info: connected to the database")
        with self.cluster.psql() as other:  # another program migrates
            other.run("SELECT pg_advisory_lock(hashtextextended('cloister migrations', 0))")
            kill(self.cluster.programs()["cloister-business"])
            wait_until(30, lambda: self.cluster.log().count("cloister-business: info: connected to the database") > before, "it is back")
            self.assertEqual(self.cluster.not_ready(), ["cloister-business is starting"])
        wait_until(30, lambda: not self.cluster.not_ready(), "all are ready")
        self.assertEqual(self.public.request("GET", f"/v1/businesses/{slug}").status, 200)

    # -- who books: each one hour, again with the same key until it hears what became of it --
    def customer(self, n, slug, start):
        self.wait_for_kills(n)
        key, end, said = uuid.uuid4().hex, time.monotonic() + 240, None
        while time.monotonic() < end:
            self.begun.set()
            try:
                answer = self.public.book(slug, start, key=key)
            except OSError:
                time.sleep(0.2)
                continue
            said = answer
            if answer.status == 201:
                return answer.json
            if answer.status == 409:
                return None
            time.sleep(0.2)
        raise AssertionError(f"no answer in time; the last was {said} {said and said.body[:300]}")

    def test_killed_at_random(self):
        print(f"    CLOISTER_SEED={SEED}")
        shops = [self.business() for _ in range(OWNERS)]
        wanted = [(shops[i % OWNERS][0], at(3 + i // OWNERS // 20, i // OWNERS % 20)) for i in range(BOOKINGS)]
        self.random.shuffle(wanted)
        killer = threading.Thread(target=self.keep_killing)
        killer.start()
        try:
            with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
                got = list(pool.map(lambda one: self.customer(one[0], *one[1]), enumerate(wanted)))
        finally:
            self.over.set()
            killer.join()
        made = [booking for booking in got if booking]
        print(f"    {len(made)} of {BOOKINGS} booked, {self.killed} kills")
        wait_until(60, self.cluster.ready, "the programs are back")
        wait_until(240, lambda: self.sql("SELECT count(*) FROM bookings WHERE step <> ''") == [["0"]], "everything is settled")
        self.assertGreater(self.killed, BOOKINGS * KILLS_EACH / 2)
        self.assertEqual(len(made), BOOKINGS, "nobody else wanted these hours: everybody has to get theirs")
        self.compare(shops, made)

    def compare(self, shops, made):
        rows = {ref: (event, status) for ref, event, status in self.sql("SELECT reference, event, status FROM bookings")}
        self.assertEqual({status for _, status in rows.values()}, {"confirmed"}, rows)
        self.assertEqual({booking["reference"] for booking in made}, set(rows), "who was told has a booking, and no one else")
        events = {}
        for _, owner in shops:
            for event in self.admin.events(owner):
                self.assertNotIn(event["id"], events)
                events[event["id"]] = event
        self.assertEqual(set(events), {event for event, _ in rows.values()}, "one event for each booking, one booking for each event")
        for booking in made:
            event = events[rows[booking["reference"]][0]]
            self.assertEqual(when(event["start"]["dateTime"]), when(booking["start"]))
        self.assertEqual(self.sql("SELECT count(*) FROM slots WHERE held_until IS NOT NULL"), [["0"]], "nothing is held any more")
        self.assertEqual(self.sql("SELECT count(*) FROM slots"), [[str(len(rows))]])
        told = self.sql("SELECT reference, to_kind, count(*) FROM outbox WHERE kind = 'booking_confirmed' GROUP BY 1, 2 HAVING count(*) <> 1")
        self.assertEqual(told, [], "each is told once")
        self.assertEqual(self.sql("SELECT count(*) FROM outbox WHERE kind = 'booking_confirmed'"), [[str(2 * len(rows))]])
