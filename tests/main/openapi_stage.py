"""A cluster that recipes play on: people who may ask, programs that can be taken away."""

import contextlib
import os
import signal
import subprocess
import threading
import time
import urllib.parse
import uuid

from cluster import RETURN_TO, kill, wait_until
from client import query_of
from control import ControlCluster
from openapi_document import Document
from openapi_requests import Asker, Request
from person import Person

HASTY_KEY, CHAT_KEY, MEMORY_KEY, THRIFTY_KEY = "5ca1ab1e" * 8, "c0ffee11" * 8, "decade11" * 8, "5a7edaf1" * 8
FRONTENDS = {"hasty": (HASTY_KEY, "requests_per_second=1\nburst=1\n"), "chatty": (CHAT_KEY, "may=chat\n"),
             "mindful": (MEMORY_KEY, "may=memory\n"), "thrifty": (THRIFTY_KEY, "tokens_per_day=1\n")}
STORMY, KEEN, HEAVY = "127.0.0.7", "127.0.0.8", "127.0.0.9"  # addresses that ask too much
DECISIONS = ("confirmProposal", "rejectProposal")
DOCUMENT = Document()
OPERATIONS = DOCUMENT.operations


def header(answer, name):
    return {k.lower(): v for k, v in answer.headers.items()}.get(name)


class Running(ControlCluster):
    """A cluster with what the recipes need: frontends that may do little, programs that can be taken away."""

    frontends = {name: (key, ["loopback"]) for name, (key, _) in FRONTENDS.items()}

    def write_config(self):
        super().write_config()
        for name, (_, lines) in FRONTENDS.items():
            path = self.dir / f"etc/frontends/{name}.conf"
            path.write_text(path.read_text() + lines)

    @contextlib.contextmanager
    def without_program(self, name):
        """The program is gone and not started again while the block lasts."""
        launcher, pid = self.launcher_pid(), self.programs()[name]
        os.kill(launcher, signal.SIGSTOP)
        try:
            kill(pid)
            yield
        finally:
            os.kill(launcher, signal.SIGCONT)
            wait_until(30, self.ready, f"ready again after {name} was gone")

    @contextlib.contextmanager
    def frozen(self, name):
        pid = self.programs()[name]
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    @contextlib.contextmanager
    def without_database(self):
        self.postgres("stop")
        try:
            yield
        finally:
            self.postgres("start")
            wait_until(30, self.ready, "ready again after the database was away")

    @contextlib.contextmanager
    def draining(self):
        assert self.ctl("drain")[0] == 0
        try:
            yield
        finally:
            assert self.ctl("drain", "off")[0] == 0

    @contextlib.contextmanager
    def in_plain_http(self):
        """The gateway believes that browsers reach it over plain http from elsewhere."""
        path = self.dir / "etc/cloister.conf"
        before = path.read_text()
        self.restart_gateway(path, before + "\n[gateway]\npublic_url=http://cloister.example\n")
        try:
            yield
        finally:
            self.restart_gateway(path, before)

    def restart_gateway(self, path, text):
        path.write_text(text)
        kill(self.programs()["cloister-gateway"])
        wait_until(30, self.ready, "the gateway again")


class Stage:
    """Everybody that the recipes need, on one cluster."""

    def __init__(self, cluster, signed_in=True):
        self.cluster, self.key, self.stormed = cluster, cluster.front.key, False
        self.first, self.second = self.user(), self.user()
        self.web = self.signed_in() if signed_in else Asker(session="0" * 43, csrf="0" * 43)
        self.decider, self.open = self.undecided() if signed_in else (self.first, "0" * 32)

    # -- people --
    def name(self):
        name = "u" + uuid.uuid4().hex[:10]
        self.cluster.admin.account(name, "Europe/Berlin")
        return name

    def user(self):
        """A user who is connected, with a grant."""
        name = self.name()
        return Asker(self.key, name, self.cluster.connect(name)["grant"])

    def browser(self):
        return Person(self.cluster, self.name())

    def signed_in(self):
        person = self.browser().sign_in()
        return Asker(session=person.session, csrf=person.csrf)

    def undecided(self):
        """Somebody with a proposal that awaits their word, and its id: an event with a guest is to be moved."""
        user, title = self.user(), "m" + uuid.uuid4().hex[:10]
        day = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 2 * 86400))
        event = {"id": "e" + uuid.uuid4().hex[:12], "summary": title, "attendees": [{"email": "sam@example.test"}],
                 "start": {"dateTime": f"{day}T10:00:00", "timeZone": "Europe/Berlin"}, "end": {"dateTime": f"{day}T11:00:00", "timeZone": "Europe/Berlin"}}
        self.cluster.admin.call("POST", f"/accounts/{user.user}/events", event)
        request = user.request(OPERATIONS["chat"], body={"message": f"Move {title} to four"})
        answer = request.send(self.cluster.port)
        assert answer.status == 200 and answer.json["proposals"], answer
        user.event = event
        return user, answer.json["proposals"][0]["id"]

    def decide(self, word, undecided=None, **headers):
        user, known = undecided or self.undecided()
        request = user.request(OPERATIONS[word], id=known)
        request.headers.update(headers)
        return self.send(request)

    # -- connecting --
    def link(self, user=None):
        return self.cluster.link(user or self.name())

    def link_of(self):
        user = self.name()
        return self.link(user), user

    def code(self, user, account):
        browser = Person(self.cluster, account)
        landed = browser.get(browser.consent(browser.set_out(self.link(user))))
        return query_of(landed.headers["Location"])["code"]

    def redeem(self, user, code):
        return self.send(Asker(self.key, user).request(OPERATIONS["redeem"], body={"code": code}))

    # -- asking --
    def send(self, request, timeout=90):
        return request.send(self.cluster.port, timeout)

    def good(self, op, **parameters):
        """A request that this stage's people may make."""
        if op.name == "connectCallback":
            query = urllib.parse.urlencode({"state": "0" * 43, "code": "4/0A"})
            return Request("GET", f"{op.path}?{query}", {"Cookie": "cloister-connect=" + "0" * 43})
        if op.name in DECISIONS:
            return self.decider.request(op, **{"id": self.open, **parameters})
        if op.takes("frontendKey") or op.for_user:
            return self.first.request(op, **parameters)
        asker = self.web if op.takes("session") else Asker()
        return asker.request(op, self.cluster.run, **parameters)

    def nobody(self, op):
        """The request of a browser whose session is none."""
        return Asker(session="0" * 43, csrf="0" * 43).request(op, self.cluster.run)

    def run(self, command, asker):
        """The status that a command of the page gets, with the variables that the page speaks of."""
        env = {**os.environ, "CLOISTER": f"http://127.0.0.1:{self.cluster.port}", "KEY": self.key, "GRANT": asker.grant,
               "RUNTIME_DIR": str(self.cluster.run)}
        done = subprocess.run(["bash", "-euc", command + " -o /dev/null -w '%{http_code}'"], env=env, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
        assert done.returncode == 0, done.stderr.decode()
        return int(done.stdout)

    def chat(self, asker, message, **headers):
        request = asker.request(OPERATIONS["chat"], body={"message": message})
        request.headers.update(headers)
        return self.send(request)

    def until(self, status, request):
        for _ in range(5000):
            answer = self.send(request())
            if answer.status == status:
                break
        return answer

    def storm(self):
        """Uses up what one address may ask of the public routes."""
        def blow():
            self.until(429, lambda: Request("GET", "/healthz", {}, source=STORMY))
        if not self.stormed:
            threads = [threading.Thread(target=blow) for _ in range(4)]
            [t.start() for t in threads]
            [t.join() for t in threads]
        self.stormed = True

    def while_it_hangs(self, asker, disturb):
        """Calls `disturb` with the agent that waits for a model that does not answer; the chat's answer."""
        answers = []
        with self.fault("model", "hang"):
            thread = threading.Thread(target=lambda: answers.append(self.chat(asker, "What do I have tomorrow?")))
            thread.start()
            busy = wait_until(10, lambda: [a for a in self.cluster.agents() if a["state"] == "busy"], "a running turn")
            disturb(busy[0])
            thread.join()
        return answers[0]

    def while_it_is_stopped(self, undecided, ask, disturb):
        """The user's agent is held, so that the turn that `ask` begins comes to nothing; `disturb` gets its pid."""
        idle = {a["pid"]: a for a in self.cluster.agents()}
        user = self.cluster.sql(f"SELECT id FROM users WHERE name = '{undecided[0].user}'")[0][0]
        [pid] = [pid for pid, agent in idle.items() if agent["user"] == user]
        answers = []
        os.kill(pid, signal.SIGSTOP)
        try:
            thread = threading.Thread(target=lambda: answers.append(ask(undecided)))
            thread.start()
            wait_until(10, lambda: [a for a in self.cluster.agents() if a["pid"] == pid and a["state"] == "busy"], "a turn under way")
            disturb(pid)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        thread.join()
        return answers[0]

    def together(self, asks, status):
        """Asks all at once; the first answer of this status, or any."""
        answers = []
        threads = [threading.Thread(target=lambda ask=ask: answers.append(ask())) for ask in asks]
        [t.start() for t in threads]
        [t.join() for t in threads]
        return next((a for a in answers if a.status == status), answers[0])

    def renewed(self, ask, found):
        """Asks with a grant until it is past half its life; with another one should that be missed."""
        users = [self.user()]

        def once():
            answer = ask(users[-1])
            if answer.status == 401:
                users.append(self.user())
            return answer if answer.status == 200 and found(answer) else None
        return wait_until(30, once, "a renewed grant")

    @contextlib.contextmanager
    def fault(self, service, kind, **more):
        self.cluster.admin.fault(service, kind, times=0, **more)
        try:
            yield
        finally:
            self.cluster.admin.clear_faults()
