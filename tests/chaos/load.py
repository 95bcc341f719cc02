"""What users do while everything around them breaks: they ask and they write, each in words that are theirs alone."""

import http.client
import threading
import time
import uuid

ZONE = "Europe/Berlin"
ANSWER_S = 45      # turn_timeout_ms is 8 s; longer than all of a request's waits together
ATTEMPTS = 40      # of one request, under one idempotency key


class Attempt:
    """One try of a request: when, and how it ended."""

    def __init__(self, user, kind):
        self.user, self.kind, self.began, self.ended = user, kind, time.monotonic(), None
        self.code, self.status, self.text, self.cut, self.retryable = None, None, "", False, False

    @property
    def took(self):
        return self.ended - self.began


class Write:
    """An event that a user asked for. `told`: Cloister said that it was done."""

    def __init__(self, user, word, key):
        self.user, self.word, self.key, self.told = user, word, key, False


class User:
    def __init__(self, name, word):
        self.name, self.word = name, word


class Load:
    """Threads, a user each, that ask until told to stop. What they saw stays in `attempts` and `writes`."""

    def __init__(self, front, users, pause=0.15):
        self.front, self.users, self.pause = front, users, pause
        self.attempts, self.writes, self.stopping = [], [], threading.Event()
        self.threads = [threading.Thread(target=self.live, args=(u, i), daemon=True) for i, u in enumerate(users)]

    def start(self):
        for thread in self.threads:
            thread.start()

    def stop(self, seconds):
        """Whoever is not done then hangs."""
        self.stopping.set()
        end = time.monotonic() + seconds
        for thread in self.threads:
            thread.join(max(0.1, end - time.monotonic()))
        return [u.name for u, t in zip(self.users, self.threads) if t.is_alive()]

    def live(self, user, number):
        turn = number
        while not self.stopping.is_set():
            if turn % 4 == 3:
                self.write(user)
            else:
                self.settle(user, "read", "What do I have tomorrow?", uuid.uuid4().hex, turn % 2 == 0)
            turn += 1
            self.stopping.wait(self.pause)

    def write(self, user):
        write = Write(user, "Q" + uuid.uuid4().hex[:10], uuid.uuid4().hex)
        self.writes.append(write)
        last = self.settle(user, "write", f"Put lunch with {write.word} tomorrow at 3pm", write.key, True, f"w{write.word}")
        write.told = last.code is None and not last.cut

    def settle(self, user, kind, message, key, streamed, conversation=None):
        """As a frontend should: what may be repeated is repeated under its key, after a moment."""
        for n in range(ATTEMPTS):
            attempt = self.once(user, kind, message, key, streamed, conversation)
            if not attempt.cut and not attempt.retryable:
                return attempt
            if self.stopping.is_set() and n >= 2:
                return attempt
            time.sleep(min(2.0, 0.1 * 2 ** min(n, 5)))
        return attempt

    def once(self, user, kind, message, key, streamed, conversation=None):
        attempt = Attempt(user, kind)
        more = {"timezone": ZONE}
        if conversation:
            more["conversation"] = conversation
        try:
            ask = self.front.stream if streamed else self.front.ask
            got = ask(user.name, message, key=key, **more)
            attempt.status, attempt.text = got.status, got.text
            error = got.error or {}
            attempt.code = got.code if got.error else None
            attempt.retryable = bool(error.get("retryable", got.status in (429, 502, 503)))
            attempt.cut = got.status == 200 and not got.done and not got.error
        except (OSError, http.client.HTTPException, ValueError):
            attempt.cut = True  # the connection ended, or its text did
        attempt.ended = time.monotonic()
        self.attempts.append(attempt)
        return attempt
