"""Users who go on talking while an operator does something."""

import threading
import time
import uuid


class Load:
    """Each user asks, one question after the other, until stopped; every answer is kept.

    With `repeat`, a request that failed retryably is repeated once under the same idempotency key, as a frontend
    does, and only what fails then counts as failed."""

    def __init__(self, front, users, message="What do I have tomorrow?", repeat=False, zone="Europe/Berlin", pause=0.0):
        self.front, self.message, self.repeat, self.zone, self.pause = front, message, repeat, zone, pause
        self.answers, self.failed, self.repeated, self.lock = [], [], 0, threading.Lock()
        self.ending = threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(user,), daemon=True) for user in users]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *ignored):
        self.ending.set()
        for thread in self.threads:
            thread.join(90)

    def once(self, user, key):
        began = time.monotonic()
        try:
            got = self.front.stream(user, self.message, key=key, timezone=self.zone)
        except (OSError, ValueError) as error:
            return False, repr(error), time.monotonic() - began
        good = got.status == 200 and got.error is None and got.done
        return good, got, time.monotonic() - began

    def run(self, user):
        while not self.ending.is_set():
            key = uuid.uuid4().hex
            good, got, took = self.once(user, key)
            if not good and self.repeat:
                with self.lock:
                    self.repeated += 1
                time.sleep(0.5)
                good, got, took = self.once(user, key)
            with self.lock:
                (self.answers if good else self.failed).append((user, got, took))
            self.ending.wait(self.pause)
