"""Users who go on asking while something is done to the system: turns at a fixed rate, each repeated once, under the
same key, when it was not answered. What is counted as failed was not answered then either. And a conversation that must survive it."""

import collections
import http.client
import itertools
import re
import socket
import threading
import time
import uuid

from base import starts_at

ZONE = "Europe/Berlin"
Turn = collections.namedtuple("Turn", "began took tries answered user title why text")


class Load:
    """`rate` turns a second of `users`, one at a time each; every fifth puts an event of its own into the calendar.

    with Load(front, users, rate) as load: …      afterwards load.turns, load.failed

    `tries`: on a machine so slow that programs take longer to start than requests are held, more than one repeat, each a
    second after what it was told."""

    def __init__(self, front, users, rate, tries=2):
        self.front, self.users, self.rate, self.tries = front, users, rate, tries
        self.turns, self.late = [], 0
        self.lock, self.over = threading.Lock(), threading.Event()
        self.idle = collections.deque(users)
        self.numbers = itertools.count()

    def __enter__(self):
        self.clock = threading.Thread(target=self.run, daemon=True)
        self.clock.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.clock.join()
        end = time.monotonic() + 60  # whoever was asked is answered, or has failed
        while len(self.idle) < len(self.users) and time.monotonic() < end:
            time.sleep(0.02)

    def run(self):
        due = time.monotonic()
        while not self.over.is_set():
            due += 1 / self.rate
            self.over.wait(max(0, due - time.monotonic()))
            with self.lock:
                user = self.idle.popleft() if self.idle else None
            if user is None:
                self.late += 1  # all of them wait for an answer: while programs restart
                continue
            threading.Thread(target=self.turn, args=(user,), daemon=True).start()

    def turn(self, user):
        writes = next(self.numbers) % 5 == 0
        title = "t" + uuid.uuid4().hex[:10] if writes else ""
        message = f"Put {title} tomorrow at 3pm" if writes else "hello"
        key, began, answered, tries, why, text = uuid.uuid4().hex, time.monotonic(), False, 0, [], ""
        while not answered and tries < self.tries:
            tries += 1
            if tries > 2:
                time.sleep(1)  # Retry-After
            try:
                if hash(key) & 1:
                    got = self.front.stream(user, message, key=key, timezone=ZONE, conversation="load")
                else:
                    got = self.front.ask(user, message, key=key, timezone=ZONE, conversation="load")
                # A stream that broke off before its first event has none, neither a last one.
                whole = got.json is not None or any(event == "done" for event, _ in got.events)
                answered, text = got.status == 200 and whole and got.error is None, got.text
                why += [] if answered else [repr(got)]
            except (OSError, http.client.HTTPException) as error:
                why.append(repr(error))
        with self.lock:
            self.turns.append(Turn(began, time.monotonic() - began, tries, answered, user, title, why, text))
            self.idle.append(user)

    @property
    def failed(self):
        return [t for t in self.turns if not t.answered]

    def told(self):
        took = sorted(t.took for t in self.turns)
        again = [t for t in self.turns if t.tries > 1]
        for why, n in collections.Counter(re.sub(r"'.*", "", w) for t in again for w in t.why[:1]).items():
            print(f"    {n} times: {why}")
        return (f"{len(self.turns)} turns, {len(self.failed)} failed, {len(again)} repeated, "
                f"p50 {took[len(took) // 2] * 1000:.0f} ms, longest {took[-1] * 1000:.0f} ms")


class Knocking:
    """Somebody connects to each door again and again, (family, address, kind), and `refused` says which did not open."""

    def __init__(self, *doors):
        self.refused, self.over = [], threading.Event()
        self.threads = [threading.Thread(target=self.knock, args=door) for door in doors]

    def knock(self, family, where, kind):
        while not self.over.is_set():
            with socket.socket(family, kind) as s:
                try:
                    s.connect(where)
                except OSError as error:
                    self.refused.append((where, error))
            time.sleep(0.005)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join()


class GoesOn:
    """For a Case with `users` who ask all the time: what must survive whatever is done to the programs."""

    def say(self, user, message, **more):
        return self.finished(self.front.stream(user, message, timezone=ZONE, **more))

    def begin(self):
        """A conversation that is going on, and a proposal that waits."""
        user = self.person(ZONE)
        self.say(user, "Put lunch with Sam tomorrow at 3pm")
        got = self.say(user, "Schedule review tomorrow at 10am and invite sam@example.com", conversation="other")
        proposal, = [d for e, d in got.events if e == "proposal"]
        return user, proposal

    def goes_on(self, begun):
        user, proposal = begun
        self.say(user, "Move it to four")
        self.assertEqual(self.hour_of_lunch(user), 16, "the agent still knows what 'it' is")
        said = self.front.request("POST", f"/v1/proposals/{proposal['id']}/confirm", {"user": user},
                                  self.front.grant_headers(user))
        self.assertEqual(said.status, 200, said)
        self.assertEqual(len([e for e in self.admin.events(user) if e.get("attendees")]), 1)

    def hour_of_lunch(self, user):
        lunch, = [e for e in self.admin.events(user) if e.get("summary") == "lunch with Sam"]
        return starts_at(lunch, ZONE).hour

    def nothing_lost(self, load, at_least=20):
        print(f"    {load.told()}")
        self.assertEqual([t.why for t in load.failed], [])
        self.assertGreater(len(load.turns), at_least)
        written = {user: [e.get("summary") for e in self.admin.events(user)] for user in self.users}
        for turn in load.turns:
            if turn.title:
                self.assertEqual(written[turn.user].count(turn.title), 1,
                                 f"written once, however often it was asked for: {turn}")
