"""Q1 N1 C3: a gateway's word about who is asking is not enough. One that lies is refused, by the turn for a turn;
without the check it gets through."""

import base64
import os
import pathlib
import sys
import time
import unittest
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "control"))

from base import Case
from client import Frontend
from control import ControlCluster, Liar

ZONE = "Europe/Berlin"
PUT = "Put lunch with Sam tomorrow at 3pm"
OTHER_KEY = "0123456789abcdef" * 4


class Lied(ControlCluster):
    frontends = {"other": (OTHER_KEY, ["loopback"])}

    def __init__(self, exchanged=(), extra=""):
        self.exchanged = exchanged
        super().__init__(extra=extra)
        self.fronts = {"quickstart": self.front, "other": Frontend("127.0.0.1", self.port, OTHER_KEY)}

    def join(self, frontend="quickstart", name=None, account=None):
        """A connected user of a frontend, with something remembered."""
        victim = Victim(self, frontend, name or "u" + uuid.uuid4().hex[:10], account)
        front, self.front = self.front, self.fronts[frontend]
        try:
            victim.grant = self.connect(victim.name, account=victim.account)["grant"]
        finally:
            self.front = front
        return victim


class Victim:
    def __init__(self, cluster, frontend, name, account):
        self.cluster, self.frontend, self.name, self.account = cluster, frontend, name, account or name
        self.front, self.grant = cluster.fronts[frontend], ""

    def caller(self, grant):
        return {"frontend": self.frontend, "user": self.name, "grant": grant}

    def remember(self):
        got = self.front.stream(self.name, "Remember that I like mornings", timezone=ZONE)
        assert got.done and not got.error, got

    def memories(self):
        return int(self.cluster.sql("SELECT count(*) FROM preferences p JOIN users u ON u.id = p.user_id WHERE "
                                    f"frontend = '{self.frontend}' AND name = '{self.name}'")[0][0])

    def events(self):
        return len(self.cluster.admin.events(self.account))

    def state(self):
        return self.cluster.sql("SELECT c.state FROM connections c JOIN users u ON u.id = c.user_id WHERE u.frontend = "
                                f"'{self.frontend}' AND u.name = '{self.name}' ORDER BY connected_at DESC LIMIT 1")[0][0]

    def turns(self):
        return self.cluster.turns(self.frontend, self.name)


def spoiled(grant, at):
    """The grant with one bit of its decoded byte `at` turned: 0-7 expiry, 8-15 epoch, 16-47 MAC."""
    data = bytearray(base64.urlsafe_b64decode(grant[4:]))
    data[at] ^= 1
    return "cg1_" + base64.urlsafe_b64encode(bytes(data)).decode().rstrip("=")


def longer(grant, ms=10**12):
    data = bytearray(base64.urlsafe_b64decode(grant[4:]))
    data[:8] = (int.from_bytes(data[:8], "big") + ms).to_bytes(8, "big")
    return "cg1_" + base64.urlsafe_b64encode(bytes(data)).decode().rstrip("=")


# What the liar shows -> (how it comes by it, given its victim and a user who is in league with it; what an honest
# system says).
GRANTS = {
    "none": (lambda v, accomplice: "", "grant_required"),
    "of another user": (lambda v, accomplice: accomplice.grant, "grant_invalid"),
    "made up": (lambda v, accomplice: "cg1_" + base64.urlsafe_b64encode(os.urandom(48)).decode(), "grant_invalid"),
    "no grant at all": (lambda v, accomplice: "let me in", "grant_invalid"),
    "lengthened": (lambda v, accomplice: longer(v.grant), "grant_invalid"),
    "of a later epoch": (lambda v, accomplice: spoiled(v.grant, 15), "grant_invalid"),
    "with a spoiled MAC": (lambda v, accomplice: spoiled(v.grant, 40), "grant_invalid"),
}
# Everything an owner's grant is needed for. Chat first: it makes what the others take away.
OPERATIONS = [
    ("chat", "chat_request", {"message": PUT, "timezone": ZONE}),
    ("list what is remembered", "memory_list", {}),
    ("forget the conversation", "session_delete", {}),
    ("look at the connection", "connection_get", {}),
    ("ask for another account", "connect_link_create",
     {"features": ["events"], "return_to": "http://127.0.0.1:8429/connected", "switch_account": True}),
    ("forget what is remembered", "memory_delete", {}),
    ("void the grants", "grants_revoke", {}),
    ("disconnect", "connection_delete", {}),
]
DONE = {"chat_request": "chat_done", "memory_list": "memories", "session_delete": "ok", "connection_get": "connection_state",
        "connect_link_create": "connect_link", "memory_delete": "ok", "grants_revoke": "ok", "connection_delete": "connection_deleted"}


class Lies(Case):
    """The real programs, and in a second cluster the control: turns and cloister-keys that do not check. Everybody has
    connected before the liars take the gateways' places."""

    lies = refused = controls = 0

    @classmethod
    def setUpClass(cls):
        # A grant that is old when the tests begin; then the operator lets them live as long as usual.
        cls.cluster = Lied(extra="[gateway]\ngrant_ms=700")
        cls.addClassCleanup(cls.cluster.stop)
        cls.front, cls.admin = cls.cluster.front, cls.cluster.admin
        old = cls.cluster.join()
        time.sleep(0.8)
        cls.cluster.extra = ""
        cls.cluster.write_config()
        cls.cluster.quickstart()
        cls.control = Lied(["cloister-agent-control", "cloister-keys-control"], "[gateway]\ngrant_ms=1")
        cls.addClassCleanup(cls.control.stop)
        cls.enterClassContext(cls.control.without("GRANT_CHECK"))
        cls.kinds = {}  # what is shown -> (code, (victim, grant), the same in the control cluster)
        both = [cls.people(cls.cluster, old), cls.people(cls.control, cls.control.join())]
        for kind, (code, *told) in both[0].items():
            cls.kinds[kind] = (code, told, both[1][kind][1:])
        cls.honest, cls.quiet = cls.cluster.join(), cls.cluster.join()
        cls.honest.remember()
        cls.liar = cls.enterClassContext(Liar(cls.cluster))
        cls.believed = cls.enterClassContext(Liar(cls.control))

    @classmethod
    def tearDownClass(cls):
        print(f"    gateway lies: {cls.lies} told, {cls.lies - cls.refused} believed, {cls.controls} controls succeeded")

    @staticmethod
    def people(cluster, old):
        """Each kind of grant with a victim of its own, who has something to lose."""
        accomplice, kinds = cluster.join(), {}
        for kind, (made, code) in GRANTS.items():
            victim = cluster.join()
            kinds[kind] = (code, victim, made(victim, accomplice))
        revoked = cluster.join()
        gone = revoked.front.user("DELETE", revoked.name, "grants", grant=revoked.grant)
        assert gone.status == 204, gone
        kinds["revoked"] = ("grant_revoked", revoked, revoked.grant)
        kinds["expired"] = ("grant_expired", old, old.grant)
        twin = "twin" + uuid.uuid4().hex[:6]  # the same name is another person in another frontend
        kinds["of another frontend"] = ("grant_invalid", cluster.join("other", twin, "other" + twin), cluster.join(name=twin).grant)
        for _, victim, _ in kinds.values():
            if not cluster.exchanged and victim in (old, revoked):
                cluster.connect(victim.name)  # a good grant again, for remembering
            victim.remember()
        return kinds

    # -- grants that are not theirs, or have ended --

    def test_no_operation_is_done_for_a_wrong_grant(self):
        for kind, (code, (victim, grant), _) in self.kinds.items():
            before = victim.events(), victim.memories(), victim.state()
            turns = victim.turns()
            self.assertEqual(before, (0, 1, "active"))
            self.admin.clear_requests()
            for name, body, fields in OPERATIONS:
                with self.subTest(grant=kind, operation=name):
                    type(self).lies += 1
                    got = self.liar.ask(body, victim.caller(grant), **fields)
                    self.assertEqual(got.kind, "failure", got)
                    self.assertEqual((got.code, got.status), (code, 401), got)
                    self.assertEqual(got.text, "")
                    self.assertIsNone(got.renewed)
                    type(self).refused += 1
            with self.subTest(grant=kind):
                self.assertEqual((victim.events(), victim.memories(), victim.state()), before, "nothing was done")
                asked = [r for r in self.admin.requests() if r["service"] in ("model", "calendar", "revoke", "token")]
                self.assertEqual(asked, [], "and nobody outside was asked")
                self.assertGreater(victim.turns(), turns, "it was the turn that refused to chat")

    def test_the_control_every_operation_is_done_without_the_check(self):
        for kind, (_, _, (victim, grant)) in self.kinds.items():
            for name, body, fields in OPERATIONS:
                with self.subTest(grant=kind, operation=name):
                    got = self.believed.ask(body, victim.caller(grant), **fields)
                    self.assertEqual(got.kind, DONE[body], got)
                    if body == "memory_list":
                        self.assertEqual(len(got.fields["items"]), 1)
                        self.assertIn("mornings", got.fields["items"][0]["text"])
                    type(self).controls += 1
            with self.subTest(grant=kind):
                self.assertEqual(victim.events(), 1, "put into a stranger's calendar")
                self.assertEqual(victim.memories(), 0, "forgotten by a stranger")
                self.assertEqual(self.control.admin.call("GET", f"/tokens/{victim.account}").get("refresh", []), [],
                                 "disconnected by a stranger")

    def test_honest_words_are_believed(self):
        """The control of the liar itself: with the user's own grant each operation is done, until they are voided."""
        victim = self.honest
        for name, body, fields in OPERATIONS:
            with self.subTest(operation=name):
                got = self.liar.ask(body, victim.caller(victim.grant), **fields)
                if name == "disconnect":
                    self.assertEqual(got.code, "grant_revoked", got)
                else:
                    self.assertEqual(got.kind, DONE[body], got)
        self.assertEqual((victim.events(), victim.memories(), victim.state()), (1, 0, "active"))

    # -- what no grant would help --

    def test_origin_is_not_a_matter_of_words(self):
        victim = self.quiet
        origins = {"unknown": [[9, "customer"], [15, "scheduler"], [40, "owner"]]}
        none, own = ({**victim.caller(grant), **origins} for grant in ("", victim.grant))
        for instance in ("public", "customer", "scheduler", "", "owner"):
            for body, fields in (("chat_request", {"message": PUT, "timezone": ZONE}), ("memory_list", {})):
                with self.subTest(instance=instance, message=body):
                    self.liar.greet(instance)
                    type(self).lies += 1
                    got = self.liar.ask(body, own if instance != "owner" else none, **fields, **origins)
                    self.assertEqual(got.code or got.kind, "grant_required" if instance == "owner" else "down", got)
                    type(self).refused += 1
        self.assertEqual(victim.events(), 0)
        got = self.liar.ask("chat_request", own, message=PUT, timezone=ZONE, **origins)
        self.assertEqual(got.kind, "chat_done", "fields that nobody knows say nothing")
        self.assertEqual({a["origin"] for a in self.cluster.agents()} - {"owner", "connect"}, set())

    def test_sessions_are_not_made_up(self):
        victim = self.quiet
        session = base64.urlsafe_b64encode(os.urandom(32)).decode().rstrip("=")
        shown = {"session": session, "csrf": session}
        callers = {
            "a session that nobody has": (shown, 401, "session_invalid"),
            "an empty caller": ({}, 400, "invalid_field"),
            "a session and a user": ({**shown, **victim.caller("")}, 400, "invalid_field"),
            "a session and a grant": ({**shown, "grant": victim.grant}, 400, "invalid_field"),
            "a session for a frontend": ({**shown, "frontend": "web"}, 400, "invalid_field"),
        }
        for name, (caller, *wanted) in callers.items():
            for operation, body, fields in OPERATIONS + [("show", "session_show", {}), ("end", "session_end", {})]:
                with self.subTest(caller=name, operation=operation):
                    type(self).lies += 1
                    got = self.liar.ask(body, caller, **fields)
                    self.assertEqual([got.status, got.code], wanted, got)
                    type(self).refused += 1
        for body in ("session_show", "session_end"):
            got = self.liar.ask(body, victim.caller(victim.grant))
            self.assertEqual(got.kind, "failure", got)
        got = self.liar.ask("memory_list", {"session": "x" * 4000})
        self.liar.greet("owner")
        self.assertEqual(got.kind, "down", "longer than a message may be")

    def test_the_web_pages_users_are_not_a_frontends(self):
        """The name "web" without a session opens nothing, and no gateway redeems for it."""
        victim = self.quiet
        for operation, body, fields in OPERATIONS:
            with self.subTest(operation=operation):
                type(self).lies += 1
                got = self.liar.ask(body, {"frontend": "web", "user": victim.name, "grant": victim.grant}, **fields)
                self.assertEqual(got.kind, "failure", got)
                self.assertIn(got.status, (400, 401, 403, 404), got)
                type(self).refused += 1
        got = self.liar.ask("redeem", {"frontend": "web", "user": victim.name}, code="A" * 43)
        self.assertEqual((got.code, got.status), ("not_allowed", 403), got)
        self.assertEqual(victim.state(), "active")


class TurnsAlone(unittest.TestCase):
    """cloister-keys says yes to everything here, and mints for another origin when told to; the turns are the real
    ones. So it is the turn that refuses."""

    @classmethod
    def setUpClass(cls):
        cls.cluster = Lied(["cloister-keys-control"])

    @classmethod
    def tearDownClass(cls):
        cls.cluster.stop()

    def test_the_turn_itself_refuses(self):
        cluster = self.cluster
        accomplice, victim = cluster.join(), cluster.join()
        victim.remember()
        with cluster.without("GRANT_ORIGIN"):
            elsewhere = cluster.join(name=victim.name).grant
        grants = {"": "grant_required", accomplice.grant: "grant_invalid", spoiled(victim.grant, 20): "grant_invalid",
                  elsewhere: "grant_invalid"}
        with cluster.without("GRANT_CHECK"), Liar(cluster) as liar:
            for grant, code in grants.items():
                for name, body, fields in OPERATIONS[:2]:
                    with self.subTest(operation=name, code=code):
                        turns = victim.turns()
                        got = liar.ask(body, victim.caller(grant), **fields)
                        self.assertEqual((got.code, got.status), (code, 401), got)
                        self.assertEqual(victim.turns(), turns + 1)
            self.assertEqual(victim.events(), 0)
            for name, body, fields in OPERATIONS[2:4]:
                self.assertEqual(liar.ask(body, victim.caller(""), **fields).kind, DONE[body],
                                 "the control: cloister-keys does not check here")
            got = liar.ask("chat_request", victim.caller(victim.grant), message=PUT, timezone=ZONE)
            self.assertEqual(got.kind, "chat_done", "the control: a good grant")
        self.assertEqual(victim.events(), 1)
