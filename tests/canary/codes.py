"""Every code that Cloister can answer with, brought about with secrets in every field that a caller, Google or the model
fills; then logs, metrics, error answers, process titles and everything else are looked through.

The table is complete or the test fails: its rows are the recipes of tests/main (openapi_recipes, openapi_ways,
openapi_front_door) and those below, and together they must give each code of gateway/openapi.yaml, whose list
tests/main/case_11_openapi.py holds against the sources."""

import collections
import contextlib
import json
import re
import threading
import time

from scanner import canary, letters

import openapi_business  # noqa: F401 (adds its recipes)
import openapi_front_door as front_door
import openapi_requests
import front_codes
import verdict
from case_11_openapi import SMALL, ends_at
from cluster import wait_until
from openapi_recipes import RECIPES
from openapi_requests import FORM
from openapi_stage import DOCUMENT, OPERATIONS, Running, Stage
from openapi_ways import WAYS
from person import Person
from population import SOON, SOON_S, Watched

Row = collections.namedtuple("Row", "code scene name status play")

NEVER = {
    "internal": "nothing that a test may do from outside makes Cloister fail inside",
    "reply_too_large": "512 KiB of answer: the stand-in model has not that much to say; the detail is a constant",
    "egress_unavailable": "agents whose egress went are replaced before a turn can say so; the detail is a constant",
    "proposal_expired": "takes ten minutes; the detail is a constant",
    "cancelled": "goes to nobody: whoever cancelled has left; the kinds of request that are cancelled look for it",
}
PAGES = {  # recipes of pages, which show words in place of a code
    "a_form_that_is_none": "invalid_form", "a_link_that_is_none": "link_invalid", "back_with_nothing": "link_invalid",
    "a_link_that_another_browser_opened": "wrong_browser", "back_in_another_browser": "wrong_browser",
    "signing_in_where_everybody_listens": "https_needed", "back_with_nothing_allowed": "scopes_missing",
    "back_with_a_refusal": "consent_refused", "back_with_a_refusal_to_sign_in": "sign_in_refused",
    "a_link_of_yesterday": "link_expired", "back_a_day_later": "link_expired",
    "back_when_google_does_not_take_its_own_code": "connect_failed",
}
OURS = []  # rows of this file


def row(code, status, scene="calm"):
    def keep(function):
        OURS.append(Row(code, scene, function.__name__, status, lambda stage, op: function(stage)))
        return function
    return keep


# ---- rows that tests/main has no recipe for ----

def chat(stage, message="What do I have tomorrow?", **headers):
    return stage.chat(stage.first, message, **headers)


def with_fault(stage, service, kind, **more):
    with stage.fault(service, kind, **more):
        return chat(stage)


@row("model_unavailable", 502)
def a_model_that_is_overloaded(stage):
    return with_fault(stage, "model", "status", status=529)


@row("model_rate_limited", 503)
def a_model_that_is_asked_too_often(stage):
    return with_fault(stage, "model", "status", status=429)


@row("google_rate_limited", 503)
def google_asked_too_often(stage):
    return with_fault(stage, "calendar", "status", status=403, reason="rateLimitExceeded")


@row("google_quota", 503)
def google_asked_too_much(stage):
    return with_fault(stage, "calendar", "status", status=403, reason="quotaExceeded")


@row("google_rejected", 502)
def a_refresh_that_google_rejects(stage):
    user = stage.user()
    stage.cluster.admin.call("POST", f"/tokens/{user.user}/kill?access_only=1")
    with stage.fault("token", "status", status=400, reason="invalid_client"):
        return stage.chat(user, "What do I have tomorrow?")


@row("model_refused", 422)
def a_model_that_declines(stage):
    return chat(stage, "decline to answer this")


@row("sign_in_failed", 502)
def signing_in_with_a_wrong_id_token(stage):
    browser = stage.browser()
    back = browser.consent(browser.set_out("/login"))
    with stage.fault("token", "id_token", reason="nonce"):
        return browser.get(back)


@row("missing_permission", None)
def a_calendar_of_which_less_was_granted(stage):
    name = stage.name()
    grant = stage.cluster.connect(name, features=("availability",))["grant"]
    return stage.chat(openapi_requests.Asker(stage.key, name, grant), "What do I have tomorrow?")


@row("needs_confirmation", None)
def changing_what_somebody_else_made(stage):
    day = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 86400))
    title = canary()
    stage.told("calendar", title)
    stage.cluster.admin.call("POST", f"/accounts/{stage.first.user}/events", {
        "summary": title, "start": {"dateTime": f"{day}T10:00:00Z"}, "end": {"dateTime": f"{day}T11:00:00Z"}})
    return chat(stage, f"Rename {title} to Lunch")


@row("disconnected", 409)
def disconnecting_while_a_turn_runs(stage):
    user = stage.user()
    return stage.while_it_hangs(user, lambda agent: stage.send(user.request(OPERATIONS["disconnect"])))


@row("agent_lost", 502, scene="no egress")
def no_egress(stage):
    return chat(stage)


def of_the_front_door(play):
    def played(stage, _):
        shop, slug = front_codes.shop_of(stage)
        shop.no_calendar = lambda: stage.fault("calendar", "status", status=503)
        return play(shop, slug)
    return played


OURS += [Row(code, where, play.__name__, status, of_the_front_door(play)) for code, status, where, play in front_codes.FRONT]


# ---- the table ----

def rows(everything):
    """One row for each code, or with `everything` each recipe on each operation that it concerns."""
    every = list(OURS)
    for where, name, status, code, play in RECIPES:
        code = code or PAGES.get(play.__name__)
        if code:
            every.append(Row(code, where, play.__name__, status, lambda stage, op, play=play: play(stage)))
    for where, status, code, name, concerns, spoil in WAYS:
        code = code or PAGES.get(spoil.__name__)
        for op in OPERATIONS.values() if code else ():
            if concerns(op) and not (op.body == FORM and code != "invalid_form"):  # forms answer with pages
                every.append(Row(code, where, f"{name}, {op}", status, lambda stage, _, op=op, spoil=spoil: spoil(stage, op)))
    for name, status, code, data in (*front_door.REQUESTS, front_door.SLOW, front_door.CROWD):
        every.append(Row(code, "slow" if code == "request_timeout" else "door", name, status, data))
    if everything:
        return every
    seen = {}
    for one in every:
        calmer = one.code in seen and seen[one.code].scene not in ("calm", "door") and one.scene in ("calm", "door")
        if one.code not in seen or calmer:
            seen[one.code] = one
    return list(seen.values())


def gaps():
    """Codes without a row, and rows without a code."""
    have = {r.code for r in rows(False)} | set(NEVER)
    return sorted(set(DOCUMENT.codes) - have), sorted(have - set(DOCUMENT.codes))


# ---- secrets in every field ----

class Salted(Stage):
    """A stage whose every request carries secrets wherever its caller may write, and that keeps what errors say."""

    def __init__(self, cluster, scanner, **more):
        self.scanner, self.outputs = scanner, cluster.dir / "outputs"
        self.outputs.mkdir(exist_ok=True)
        self.answers, self.label = 0, "start"
        super().__init__(cluster, **more)

    def told(self, kind, value):
        self.scanner.add(kind, self.label.replace(" ", "-"), value)
        return value

    def word(self, kind="message"):
        return self.told(kind, letters(24))

    def name(self):
        name = self.told("name", "u" + letters(20).lower())
        self.cluster.admin.account(name, "Europe/Berlin")
        return name

    def browser(self):
        stage = self

        class Watching(Person):
            def send(self, method, url, form=None, body=None, headers=None):
                said = {"User-Agent": stage.word("header"), "X-Whatever": stage.word("header"), "Accept-Language": stage.word("header"),
                        **(headers or {})}
                return stage.keep(super().send(method, url, form, body, said)) if url.startswith(("/", self.base)) \
                    else super().send(method, url, form, body, headers)
        return Watching(self.cluster, self.name())

    def send(self, request, timeout=90):
        return self.keep(self.salt(request).send(self.cluster.port, timeout))

    def salt(self, request):
        head = request.headers
        for name in ("User-Agent", "X-Whatever", "Accept-Language", "X-Request-Id"):
            head.setdefault(name, self.word("header"))
        if "Cookie" in head:
            head["Cookie"] += f"; other={self.word('header')}"
        if "Idempotency-Key" in head:
            head["Idempotency-Key"] = self.word("idempotency")
        if head.get("Authorization") == "Bearer " + "0" * 64:
            head["Authorization"] = "Bearer " + self.told("frontend", letters(64))
        if head.get("Cloister-Grant"):
            self.told("grant", head["Cloister-Grant"][16:])
        request.body = self.salt_body(request.body)
        return request

    def salt_body(self, body):
        try:
            fields = json.loads(body) if body else None
        except ValueError:
            if body.startswith(b"csrf="):  # a form, which is to stay one
                return body + b"&canary=" + self.word().encode()
            return body[:60] + self.told("message", canary()).encode() + body[60:]
        if not isinstance(fields, dict) or not fields or "message" in fields and not isinstance(fields["message"], str):
            return body
        if "message" in fields:
            fields["message"] += " " + self.told("message", canary())
            fields.setdefault("conversation", self.told("conversation", canary()))
        if fields.get("timezone", "").startswith("Mars"):
            fields["timezone"] += self.word()
        if fields.get("code") == "0" * 43:
            fields["code"] = self.told("code", letters(42) + "A")  # 32 bytes have 4 bits of the last letter
        if "return_to" in fields and isinstance(fields["return_to"], str):
            fields["return_to"] += "?" + self.word("name")  # kept with the link, as it must be
        return json.dumps(fields, ensure_ascii=self.answers % 2 == 0).encode()

    def fault(self, service, kind, **more):
        more.setdefault("reason", self.word())
        return super().fault(service, kind, **more)

    def keep(self, answer):
        """What an error says goes where the scanner looks."""
        told = [data for event, data in answer.events if event == "error"]
        if answer.status >= 400 or told:
            self.answers += 1
            (self.outputs / f"{self.answers}-{answer.status}").write_text(
                json.dumps(told, ensure_ascii=False) if told else answer.body + "\n" + "\n".join(f"{k}: {v}" for k, v in answer.headers.items()))
        return answer

    def door(self, data, send):
        extra = f"Host: x\r\nX-Whatever: {self.word('header')}\r\nUser-Agent: {self.word('header')}".encode()
        data = data.replace(b"Host: x", extra).replace(b"/nowhere", b"/nowhere" + self.word().encode()).replace(b"/aaaa", b"/" + self.word().encode())
        return self.keep(send(self.cluster.port, data))

    def ask_operators(self):
        """What operators can see, where the scanner looks."""
        for command in (["status"], ["list"], ["list", "--json"], ["status", "--json"]):
            (self.outputs / f"ctl-{'-'.join(command)}").write_text("".join(str(part) for part in self.cluster.ctl(*command)))
        conn = openapi_requests.Request("GET", "/metrics", {}, unix=self.cluster.run / "operator/gateway-owner.sock")
        answer = conn.send(self.cluster.port)
        assert answer.status == 200 and "cloister_" in answer.body, answer
        (self.outputs / "metrics").write_text(answer.body)


class Room(Running, Watched):
    """The cluster of tests/main's recipes, looked at."""


class Codes:
    def __init__(self, scanner, full):
        self.scanner, self.full, self.table = scanner, full, rows(full)
        self.seen, self.broken, self.found, self.lock = set(), [], set(), threading.Lock()

    def play(self, stage, scene):
        mine = [one for one in self.table if one.scene == scene]
        if scene == "frozen":  # each takes a whole minute
            threads = [threading.Thread(target=self.one, args=(stage, one)) for one in mine]
            [t.start() for t in threads]
            [t.join() for t in threads]
        else:
            [self.one(stage, one) for one in mine]

    def one(self, stage, one):
        stage.label = one.code
        try:
            if one.scene in ("door", "slow"):
                crowd = one.code == "too_many_connections"
                answer = stage.door(one.play, front_door.send_in_a_crowd if crowd else front_door.send)
            else:
                got = one.play(stage, None)
                answer = got if hasattr(got, "status") else stage.send(got)
            if one.status is not None and (answer.status != one.status and answer.code != one.code or answer.code not in (None, one.code)):
                raise AssertionError(f"{one.status} {one.code} was to come of it, and {answer!r} did")
            self.seen.add(one.code)
        except Exception as error:
            with self.lock:
                self.broken.append(f"{one.code} by {one.name}: {type(error).__name__}: {error}")
            stage.cluster.admin.clear_faults()

    def look(self, stage):
        stage.ask_operators()
        stage.cluster.quiet()
        with self.lock:
            self.scanner.where(*stage.cluster.places())
            found = verdict.leaks(self.scanner.scan())
            until = time.monotonic() + SOON_S
            while any(re.match(SOON, f.place) for f in found - self.found) and time.monotonic() < until:
                found = {f for f in found if not re.match(SOON, f.place)} | verdict.leaks(self.scanner.scan())
            for find in sorted(found - self.found)[:40]:
                print(f"    FOUND among codes: {find.name} as {find.form} in {find.place}", flush=True)
            self.found |= found

    def small(self):
        cluster = Room(extra=SMALL)
        try:
            stage = Salted(cluster, self.scanner, signed_in=False)
            stage.old = stage.user()
            self.play(stage, "crowd")
            wait_until(10, lambda: time.time() > ends_at(stage.old.grant), "the end of a grant")
            self.play(stage, "short grants")
            if self.full:
                with cluster.frozen("cloisterd"):
                    self.play(stage, "frozen")
            self.look(stage)
        finally:
            cluster.stop()

    def large(self):
        cluster = Room()
        try:
            stage = Salted(cluster, self.scanner)
            front_codes.shop_of(stage)  # before anything is away
            stage.revoked = stage.user()
            stage.send(stage.revoked.request(OPERATIONS["revokeGrants"]))
            slow = threading.Thread(target=lambda: self.play(stage, "slow"))
            slow.start()
            scenes = (("calm", contextlib.nullcontext), ("door", contextlib.nullcontext), ("plain http", cluster.in_plain_http),
                      ("draining", cluster.draining), ("no database", cluster.without_database),
                      ("no keys", lambda: cluster.without_program("cloister-keys")),
                      ("no egress", lambda: cluster.without_program("cloister-egress")),
                      ("no business", lambda: cluster.without_program("cloister-business")),
                      ("no cloisterd", lambda: cluster.without_program("cloisterd")))
            for scene, there in scenes:
                if scene == "plain http":  # restarts the gateway, under which the slow request would end
                    slow.join()
                if any(one.scene == scene for one in self.table):
                    with there():
                        self.play(stage, scene)
                    if scene in ("calm", "door", "draining"):  # before programs are replaced by fresh ones
                        self.look(stage)
            self.look(stage)
        finally:
            cluster.stop()

    def run(self):
        began = time.monotonic()
        missing, unknown = gaps()
        self.broken += [f"the code {code} has no row" for code in missing] + [f"the row {code} has no code" for code in unknown]
        beside = threading.Thread(target=self.guarded, args=(self.small,))
        beside.start()
        self.guarded(self.large)
        beside.join()
        for code in sorted(set(DOCUMENT.codes) - self.seen - set(NEVER)):
            self.broken.append(f"the code {code} was not brought about")
        for code, why in NEVER.items():
            print(f"    {code} is not brought about: {why}")
        print(f"    {len(self.seen)} of {len(DOCUMENT.codes)} codes brought about by {len(self.table)} rows, {time.monotonic() - began:.0f} s")
        self.scanner.end()

    def guarded(self, part):
        try:
            part()
        except Exception as error:
            self.broken.append(f"{part.__name__}: {type(error).__name__}: {error}")
