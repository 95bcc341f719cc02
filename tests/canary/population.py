"""People who ask a Cloister, each request with words of its own that the scanner then knows."""

import collections
import http.client
import itertools
import json
import pathlib
import re

from scanner import canary, letters

from base import day_after, timed
from client import query_of
from cluster import program_of, wait_until
from control import ControlCluster
from person import Person, Scene

# What goes on after the answer, or is written over once there is nothing to do, is looked at again for so long.
SOON, SOON_S = r"(memory of \d+|socket:\[\d+\] of \d+) cloister-(busine|notify)", 10
ZONE = "Europe/Berlin"
TURN_MS = 20000  # a look takes a second or more, on a busy machine many, and what it is to see must still be there


class TurnOver(Exception):
    """The turn that was to be looked at, or ended, is not there any more."""


class Watched(ControlCluster):
    """A whole Cloister, with what of it is looked at."""

    def places(self):
        """(processes, folders, what is left out): the launcher and all below it, the database, every file. The stand-ins
        are the outside world; the file that quickstart hands the frontend key over in is the frontend's."""
        trees = [self.launcher_pid(), int((self.dir / "pg/postmaster.pid").read_text().split()[0])]
        journals = [p for p in ("/var/log/journal", "/run/log/journal") if pathlib.Path(p).exists()]
        skips = [self.dir / "world", self.dir / "world.log", self.dir / "frontend.key", self.dir / "frontend.header", self.dir / "control"]
        return trees, [self.dir, "/dev/shm", *journals], skips

    def turns_running(self):
        """Pids of turns: what an agent has forked. A zygote's children are cloisterd's."""
        found = []
        for cell in small_children(self.programs_kept()["cloisterd"]):
            found += small_children(cell)
        return found

    def programs_kept(self):
        """name -> pid, looked up again when one of them is gone."""
        kept = getattr(self, "kept", {})
        if "cloisterd" not in kept or any(program_of(p) != n for n, p in kept.items()):
            self.kept = wait_until(20, lambda: (lambda got: got if len(got) >= 4 else None)(self.programs()), "all programs")
        return self.kept

    def quiet(self):
        """Waits until no turn runs and nobody waits for one: cloisterd, too, has heard of its end."""
        wait_until(TURN_MS / 1000 + 15, lambda: not self.turns_running() and not any(a["state"] == "busy" for a in self.agents()), "the end of all turns")


def small_children(pid):
    try:
        tasks = list(pathlib.Path(f"/proc/{pid}/task").iterdir())
        return [int(p) for t in tasks for p in (t / "children").read_text().split()]
    except OSError:
        return []


class Words:
    """The secrets of one request, each known to the scanner from the moment that it is asked for."""

    def __init__(self, scanner, label):
        self.scanner, self.label = scanner, label

    def secret(self, kind, value=None):
        value = value or canary()
        self.scanner.add(kind, self.label, value)
        return value

    def event(self, day=1, start="10:00", end="11:00", many=1):
        """An event with a secret in each field that people write into."""
        title, mail = self.secret("calendar"), letters(20)
        self.scanner.add("calendar", self.label, mail)
        return timed(title * many, day_after(day, ZONE), start, end, ZONE, location=self.secret("calendar"),
                     description=f"<p>{self.secret('calendar')}</p>",
                     attendees=[{"email": f"{mail}@example.test", "displayName": self.secret("calendar")}])


class User:
    """Somebody connected, through a frontend."""

    def __init__(self, people, name):
        self.people, self.name, self.connected = people, name, False

    def calendar(self, events):
        """These events and no other."""
        admin = self.people.admin
        admin.call("DELETE", f"/accounts/{self.name}/events")
        for event in events:
            admin.call("POST", f"/accounts/{self.name}/events", event)

    def connect(self, words):
        """Link, consent, code, grant: each a secret."""
        scene, front = self.people.scene, self.people.front
        person = Person(self.people.cluster, self.name)
        link = self.people.cluster.link(self.name)
        words.secret("link", link.rsplit("/", 1)[1])
        opened = person.get(link)
        assert opened.status == 302, opened
        landed = person.get(person.consent(opened.headers["Location"]))
        code = query_of(landed.headers["Location"])["code"]
        words.secret("code", code)
        got = scene.redeem(self.name, code, front)
        assert got.status == 200, got
        self.people.learn(person, words)
        self.connected = True
        return got


class People:
    def __init__(self, cluster, scanner, count):
        self.cluster, self.scanner = cluster, scanner
        self.scene, self.front, self.admin = Scene(cluster), cluster.front, cluster.admin
        self.users = [User(self, "u" + letters(8).lower()) for _ in range(count)]
        self.numbers, self.counts, self.mark, self.watcher = itertools.count(1), collections.Counter(), 0, None
        for user in self.users:
            self.admin.account(user.name, ZONE)
        for name in ("CLIENT_SECRET_FILE", "MODEL_KEY_FILE"):
            scanner.add("operator", name, pathlib.Path(cluster.named[name]).read_text().strip())
        scanner.add("frontend", "key", self.front.key)

    def words(self, kind):
        return Words(self.scanner, f"{next(self.numbers)}-{kind}")

    def learn_tokens(self, user, words):
        """What the stand-in has given out for this account until now, and the grant."""
        for tokens in self.admin.call("GET", f"/tokens/{user.name}").values():
            for token in tokens:
                words.secret("token", token)
        if self.front.grants.get(user.name):
            words.secret("grant", self.front.grants[user.name][16:])  # it begins with when it expires, which many share

    # -- what kinds.py needs --

    def next(self, what):
        """0, 1, 2, … for each thing that is taken in turns."""
        self.counts[what] += 1
        return self.counts[what] - 1

    def last(self, what):
        return self.counts[what] - 1

    def connection(self):
        return http.client.HTTPConnection(self.front.host, self.front.port, timeout=30)

    def chat(self, user, words, text):
        """(body, headers) of a chat as a stream."""
        body = {"user": user.name, "message": f"{text} {words.secret('message')}", "timezone": ZONE,
                "conversation": words.secret("conversation")}
        return json.dumps(body), {"Authorization": f"Bearer {self.front.key}", "Content-Type": "application/json",
                                  "Accept": "text/event-stream", **self.front.grant_headers(user.name)}

    def bytes_of(self, user, words, text):
        body, head = self.chat(user, words, text)
        lines = ["POST /v1/chat HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *(f"{k}: {v}" for k, v in head.items())]
        return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()

    def post(self, conn, user, words, text):
        """The code that a chat failed with, as an answer or as a stream's last event; "" when it did not, or broke off."""
        try:
            conn.request("POST", "/v1/chat", *self.chat(user, words, text))
            found = re.findall(r'"code":\s*"(\w+)"', conn.getresponse().read().decode("utf-8", "replace"))
            return found[-1] if found else ""
        except (OSError, http.client.HTTPException):
            return ""
        finally:
            conn.close()

    def marked(self):
        """A place in the stand-ins' log, for `arrived`."""
        got = self.admin.call("GET", f"/requests?since={self.mark}")["requests"]
        self.mark = max([self.mark, *(r["n"] for r in got)])
        return self.mark

    def arrived(self, service, since):
        return self.admin.call("GET", f"/requests?service={service}&since={since}")["requests"]

    def watch(self, user, words, turn, holds):
        """A look while a turn runs."""
        self.learn_tokens(user, words)
        self.watcher(words, turn, set(holds))

    @staticmethod
    def learn(person, words):
        """Cookies, states and codes that this browser has seen at Cloister or on the way."""
        for seen in person.tape:
            for line in seen.cookies:
                name, _, value = line.split(";")[0].partition("=")
                if "cloister" in name and len(value) >= 20:
                    words.secret("cookie", value)
            for url in (seen.url, seen.answer.headers.get("Location", "")):
                for name in ("state", "code"):
                    if len(query_of(url).get(name, "")) >= 20:
                        words.secret(name, query_of(url)[name])
