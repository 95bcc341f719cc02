"""Q1 Q4 C3: frontend keys, grants, session, login and connect cookies, states, codes, links and csrf tokens: each is
served in the one place where it belongs, and left nowhere."""

import base64
import html.parser
import json
import os
import pathlib
import re
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "control"))

from base import SANITIZED
from client import Frontend, query_of
from cluster import descendants
from control import ControlCluster
from person import LOGIN, SESSION, Person, Scene, Seen
from traces import Secret, find, find_in_files

GRANT_MS = 24000 if SANITIZED else 8000
OTHER_KEY = "c0ffee0123456789" * 4
GRANT = re.compile(r"cg1_[A-Za-z0-9_-]{64}")
CSRF = re.compile(r'<meta name="csrf" content="([^"]+)"')

# kind -> where in what Cloister serves it may stand: (route, part). The only places.
BELONGS = {
    "frontend key": set(),
    "grant": {("POST /v1/users/USER/connections/redeem", "body"), ("POST /v1/chat", "body"), ("*", "Cloister-Grant")},
    "session cookie": {("GET /connect/google/callback", "Set-Cookie"), ("GET /v1/session", "Set-Cookie"), ("GET /", "Set-Cookie"),
                       ("GET /connect", "Set-Cookie")},
    "login cookie": {("GET /login", "Set-Cookie")},
    "connect cookie": {("GET /connect/LINK", "Set-Cookie")},
    "state": {("GET /login", "Location"), ("GET /connect/LINK", "Location")},
    "Google code": set(),
    "redeem code": {("GET /connect/google/callback", "Location")},
    "csrf": {("GET /", "body"), ("GET /connect", "body"), ("GET /v1/session", "body")},
    "link": {("POST /v1/users/USER/connect-links", "body"), ("POST /connect", "Location"),
             ("POST /v1/chat", "body")},  # action_url: where a broken connection is made anew
}


class Recorded(Frontend):
    """A frontend that keeps what it was answered."""

    def __init__(self, *given):
        super().__init__(*given)
        self.tape = []

    def note(self, method, path, answer):
        body = answer.body or json.dumps(answer.events)
        answer.body = body
        self.tape.append(Seen(method, f"http://{self.host}:{self.port}{path}", {}, answer, []))
        return answer

    def request(self, method, path, body=None, headers=None, raw=None):
        return self.note(method, path, super().request(method, path, body, headers, raw))

    def stream(self, user, message, **more):
        return self.note("POST", "/v1/chat", super().stream(user, message, **more))


def route_of(seen):
    path = re.sub(r"^https?://[^/]+", "", seen.url).split("?")[0]
    path = re.sub(r"^/v1/users/[^/]+/", "/v1/users/USER/", path)
    if path != "/connect/google/callback":
        path = re.sub(r"^/connect/.+", "/connect/LINK", path)
    return f"{seen.method} {path}"


class Links(html.parser.HTMLParser):
    """Every address that a browser would ask for by itself, or that is one press away."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        self.found += [v for k, v in attrs if k in ("src", "href") and v and not v.startswith(("#", "data:"))]


class Run:
    """Everything that this issue is about, once: what was sent and served, and the secrets that there were."""

    def __init__(self, cluster):
        self.cluster, self.scene = cluster, Scene(cluster)
        self.base = f"http://127.0.0.1:{cluster.port}"
        self.front = cluster.front = Recorded("127.0.0.1", cluster.port, cluster.front.key)
        self.other = Recorded("127.0.0.1", cluster.port, OTHER_KEY)
        self.scene.front, self.people = self.front, []
        self.secrets = {Secret("frontend key", self.front.key), Secret("frontend key", OTHER_KEY)}

    def person(self, label):
        self.people.append(self.scene.person(label))
        return self.people[-1]

    def ways(self):
        """Frontends: connect, ask, what is remembered, refusals, disconnect."""
        scene, front = self.scene, self.front
        user = self.person("user")
        code = scene.code(user, self.cluster.link(user.account))
        assert scene.redeem("somebody", code).status == 400
        assert scene.redeem(user.account, code, self.other).status == 400
        assert scene.redeem(user.account, code).status == 200
        assert scene.redeem(user.account, code).status == 400
        assert front.stream(user.account, "What do I have tomorrow?", timezone="UTC").done
        assert front.ask(user.account, "Remember that I like mornings", timezone="UTC").status == 200
        assert len(front.user("GET", user.account, "memory").json["items"]) == 1
        for grant in (None, "cg1_" + "A" * 64):
            assert front.ask(user.account, "hello", grant=grant).status == 401
            assert front.user("DELETE", user.account, "connections/google", grant=grant).status == 401
        # refused at Google, another browser, replayed, another account, an unknown link
        refuser, thief, other = self.person("refuser"), self.person("thief"), self.person("other")
        refuser.get(refuser.consent(refuser.set_out(self.cluster.link(refuser.account)), allow=False))
        back = refuser.consent(refuser.set_out(self.cluster.link(refuser.account)))
        thief.get(back)
        refuser.get(back)
        refuser.get(back)
        assert scene.code(other, self.cluster.link(user.account)) is None
        nothing = self.person("nothing")
        nothing.get(nothing.consent(nothing.set_out(self.cluster.link(nothing.account)), scopes=[]))
        thief.get("/connect/" + base64.urlsafe_b64encode(os.urandom(32)).decode().rstrip("="))
        front.user("POST", user.account, "connect-links", {"features": ["events"], "return_to": "https://evil.example/x"})
        # a dead token names the way back: a link again
        broken = self.person("broken")
        scene.redeem(broken.account, scene.code(broken, self.cluster.link(broken.account)))
        self.cluster.admin.call("POST", f"/tokens/{broken.account}/kill")
        assert front.stream(broken.account, "What do I have tomorrow?", timezone="UTC").code == "reconnect_required"

    def pages(self):
        """Browsers: sign in, connect, ask, refusals, sign out."""
        alice, bob, eve = self.person("alice"), self.person("bob"), self.person("eve")
        for person in (alice, bob):
            person.sign_in()
            person.get("/")
            person.get("/connect")
            person.connect()
            person.get("/?connected")
        csrf = alice.csrf
        ask = {"message": "What do I have tomorrow?", "timezone": "UTC"}
        assert alice.api("POST", "/v1/chat", ask, csrf).status == 200
        assert alice.api("POST", "/v1/chat", ask, csrf, Accept="text/event-stream").status == 200
        alice.api("POST", "/v1/chat", {**ask, "message": "Remember that I like mornings"}, csrf)
        assert alice.api("GET", "/v1/users/me/memory").status == 200
        for more in ({"csrf": None}, {"csrf": bob.csrf}, {"csrf": csrf, "Origin": "https://evil.example"}):
            assert alice.api("POST", "/v1/chat", ask, **more).status == 403
        alice.form("/logout", {"csrf": "no"})
        alice.form("/connect", {"features": "events"})
        alice.get("/v1/users/someone/memory")
        # login CSRF, a refused sign-in, someone else's link
        bob.get(eve.consent(eve.set_out()))
        eve.get(eve.consent(eve.set_out("/login?choose=1"), allow=False))
        opened = eve.get(alice.link())
        if opened.status == 302:
            eve.get(eve.consent(opened.headers["Location"]))
        time.sleep(0.25)  # longer than session_rotate_ms: the next look replaces the cookie
        assert alice.who() and alice.who()
        assert alice.api("DELETE", "/v1/users/me/connections/google", None, alice.csrf).status == 200
        assert alice.form("/logout", {"csrf": alice.csrf}).status == 303
        assert bob.form("/logout", {"csrf": bob.csrf, "everywhere": "1"}).status == 303
        self.person("carol").sign_in()
        alice.get("/")

    def renewals(self):
        """A grant that is past half its life is renewed by use."""
        early = self.person("early")
        self.scene.redeem(early.account, self.scene.code(early, self.cluster.link(early.account)))
        before = self.front.grants.get(early.account) or GRANT.findall(self.front.tape[-1].answer.body)[0]
        time.sleep(GRANT_MS / 2000 + 0.1)
        assert self.front.ask(early.account, "Am I free tomorrow at 3pm?", timezone="UTC").status == 200
        assert self.front.grants[early.account] != before, "renewed"

    def look_around(self):
        """Each page's own requests and links, with the referrer that its policy allows."""
        for person in self.people:
            for seen in [s for s in person.tape if "text/html" in s.answer.headers.get("Content-Type", "")]:
                links = Links()
                links.feed(seen.answer.body)
                for link in dict.fromkeys(links.found):
                    person.page, person.policy = seen.url, seen.answer.headers.get("Referrer-Policy", "")
                    if link.startswith("/assets/"):
                        person.get(link)

    def collect(self):
        """Every secret that passed by, from where it first appeared."""
        for person in self.people:
            for seen in person.tape:
                for line in seen.cookies:
                    name, _, value = line.split(";")[0].partition("=")
                    kind = {SESSION: "session cookie", LOGIN: "login cookie"}.get(name, "connect cookie" if "cloister-connect" in name else None)
                    if value and kind:
                        self.secrets.add(Secret(kind, value))
                self.collect_address(seen.answer.headers.get("Location", ""))
                self.collect_address(seen.url)
                for value in CSRF.findall(seen.answer.body):
                    self.secrets.add(Secret("csrf", value))
                if route_of(seen) == "GET /v1/session" and seen.answer.json and "csrf" in seen.answer.json:
                    self.secrets.add(Secret("csrf", seen.answer.json["csrf"]))
        for front in (self.front, self.other):
            self.secrets |= {Secret("grant", g) for seen in front.tape for g in GRANT.findall(seen.answer.body + str(seen.answer.headers))}
            for seen in front.tape:
                self.secrets |= {Secret("link", t) for t in re.findall(rf"{re.escape(self.base)}/connect/([A-Za-z0-9_-]{{20,}})", seen.answer.body)}

    def collect_address(self, url):
        asked = query_of(url)
        if "state" in asked and len(asked["state"]) > 20:
            self.secrets.add(Secret("state", asked["state"]))
        if "code" in asked:
            self.secrets.add(Secret("Google code" if "state" in asked else "redeem code", asked["code"]))
        if re.search(r"/connect/[A-Za-z0-9_-]{43}$", url):
            self.secrets.add(Secret("link", url.rsplit("/", 1)[1]))

    def served(self):
        """(route, part) -> bytes of everything that Cloister served, and what browsers said of where they came from."""
        got = {}
        for tape in [p.tape for p in self.people] + [self.front.tape, self.other.tape]:
            for seen in tape:
                if seen.sent.get("Referer"):
                    got.setdefault((route_of(seen), "referrer"), []).append(seen.sent["Referer"])
                if not seen.url.startswith(self.base):
                    continue
                got.setdefault((route_of(seen), "body"), []).append(seen.answer.body)
                for name, value in seen.answer.headers.items():
                    if name != "Set-Cookie":
                        got.setdefault((route_of(seen), name), []).append(value)
                got.setdefault((route_of(seen), "Set-Cookie"), []).extend(seen.cookies)
        for asked in self.cluster.admin.requests():
            if asked.get("referer"):
                got.setdefault(("at Google", "referrer"), []).append(asked["referer"])
        return {place: "\n".join(parts).encode() for place, parts in got.items()}

    def misplaced(self, served):
        return {(place, kind, form) for place, kind, form in find(served, self.secrets)
                if form != "plain" or not {place, ("*", place[1])} & BELONGS[kind]}


class Secrets(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        class Watched(ControlCluster):
            frontends = {"other": (OTHER_KEY, ["loopback"])}
        cls.cluster = Watched(extra="[gateway]\ntrusted_proxies=127.0.0.1\nsession_rotate_ms=200\n" f"grant_ms={GRANT_MS}")
        cls.addClassCleanup(cls.cluster.stop)
        cls.run_ = Run(cls.cluster)
        cls.run_.ways()
        cls.run_.renewals()
        cls.run_.pages()
        cls.run_.look_around()
        cls.run_.collect()
        cls.served = cls.run_.served()

    def test_there_is_something_of_each_kind_to_look_for(self):
        kinds = {}
        for secret in self.run_.secrets:
            kinds[secret.kind] = kinds.get(secret.kind, 0) + 1
        print("    " + ", ".join(f"{n} {kind}" for kind, n in sorted(kinds.items())))
        self.assertEqual(set(kinds), set(BELONGS))
        for kind, least in (("grant", 3), ("session cookie", 3), ("state", 8), ("link", 6), ("redeem code", 2), ("csrf", 2)):
            self.assertGreaterEqual(kinds[kind], least, kind)

    def test_served_only_where_each_belongs(self):
        self.assertEqual(self.run_.misplaced(self.served), set())
        said = b"\n".join(data for (_, part), data in self.served.items() if part == "referrer")
        self.assertIn(f"{self.run_.base}/connect".encode(), said, "the control: browsers did say where they came from")
        seen = {(kind, place) for place, kind, form in find(self.served, self.run_.secrets)}
        for kind, places in BELONGS.items():
            if places:
                self.assertTrue([p for p in places if p[0] == "*" or (kind, p) in seen], f"the control: {kind} was served where it belongs")

    def test_control_a_secret_served_elsewhere_is_found(self):
        for secret in {s.kind: s for s in self.run_.secrets}.values():
            for part in ("body", "Location", "Link", "referrer"):
                for place in (("GET /healthz", part), ("at Google", part)):
                    with self.subTest(kind=secret.kind, place=place):
                        planted = {place: self.served.get(place, b"") + b" x=" + secret.value.encode() + b"&"}
                        self.assertEqual(self.run_.misplaced(planted), {(place, secret.kind, "plain")})

    def test_no_page_with_a_secret_is_kept_by_caches(self):
        for person in self.run_.people:
            for seen in person.tape:
                if not seen.url.startswith(self.run_.base):
                    continue
                data = {("x", "x"): (seen.answer.body + str(seen.answer.headers) + str(seen.cookies)).encode()}
                if find(data, self.run_.secrets):
                    self.assertIn("no-store", seen.answer.headers.get("Cache-Control", ""), route_of(seen))

    def test_no_secret_outlives_the_redirect_in_an_address(self):
        """A page that stays has no secret in its address, or a script that takes it out at once."""
        for person in self.run_.people:
            for seen in person.tape:
                if not seen.url.startswith(self.run_.base) or "text/html" not in seen.answer.headers.get("Content-Type", ""):
                    continue
                if not find({("x", "x"): seen.url.encode()}, self.run_.secrets):
                    continue
                with self.subTest(route=route_of(seen), status=seen.answer.status):
                    self.assertGreaterEqual(seen.answer.status, 400)
                    self.assertEqual(seen.answer.headers.get("Referrer-Policy"), "no-referrer")
                    scripts = re.findall(r'<script[^>]* src="(/assets/[^"]+)"', seen.answer.body)
                    bodies = [Person(self.cluster).get(s).body for s in scripts]
                    self.assertTrue([b for b in bodies if "replaceState" in b], "a script that takes it out")

    # -- what is left on the machine --

    def dump(self):
        bins = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))[-1]
        return subprocess.run(
            ["setpriv", "--reuid", "cloister-postgres", "--regid", "cloister-postgres", "--clear-groups", "env", "-C", "/",
             bins / "pg_dump", "-h", self.cluster.dir / "sockets", "cloister"], stdout=subprocess.PIPE, check=True).stdout

    def left(self):
        """What of it is in a dump, in a file (the database's own included), or to be seen of the processes."""
        places = {"pg_dump": self.dump()}
        launcher = self.cluster.launcher_pid()
        for pid in [launcher, *descendants(launcher)]:
            for part in ("environ", "cmdline"):
                try:
                    places[f"/proc/{pid}/{part}"] = pathlib.Path(f"/proc/{pid}/{part}").read_bytes()
                except OSError:
                    pass
        # The stand-ins' own files; template databases, which nobody writes to.
        skip = ["frontend.key", "frontend.header", "world", "world.log", "pg/base/1", "pg/base/4", "pg/base/5"]
        return find(places, self.run_.secrets) | find_in_files(self.cluster.dir, skip, self.run_.secrets)

    def test_left_nowhere(self):
        self.assertEqual(self.left(), set())
        one_each = {s.kind: s for s in self.run_.secrets}
        planted, lines, rows = set(), [], []
        log = self.cluster.dir / "log/planted.log"
        for kind, secret in one_each.items():
            rows.append(f"('{kind}', '{secret.value}', '\\x{secret.value.encode().hex()}')")
            lines.append(b"GET /x?" + secret.value.encode() + b" " + secret.value.encode().hex().upper().encode())
            lines.append(base64.b64encode(b"x" + secret.value.encode()))
            planted |= {("pg_dump", kind, "plain"), ("pg_dump", kind, "hex"), (str(log), kind, "plain"), (str(log), kind, "HEX"),
                        (str(log), kind, "base64+1")}
        try:
            self.cluster.sql("CREATE TABLE public.planted (kind text, plain text, bytes bytea); INSERT INTO public.planted VALUES " + ", ".join(rows))
            log.write_bytes(b"\n".join(lines))
            self.assertEqual(planted - self.left(), set(), "the control: what is planted is found")
        finally:
            log.unlink(missing_ok=True)
            self.cluster.sql("DROP TABLE IF EXISTS public.planted")

    def test_no_grant_at_all_is_in_a_dump_or_log(self):
        """Also those that no browser sees: of the web pages' sessions they are kept sealed."""
        self.assertEqual(GRANT.findall(self.dump().decode("utf-8", "replace")), [])
        for path in (self.cluster.dir / "log").iterdir():
            self.assertEqual(GRANT.findall(path.read_text(errors="replace")), [], path)
        kept = self.cluster.sql("SELECT count(*), min(length(sealed)) FROM web_sessions")[0]
        self.assertGreater(int(kept[0]), 0, "the control: there is a session that keeps one")
        self.assertGreater(int(kept[1]), len("cg1_") + 64)
