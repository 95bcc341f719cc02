"""The product, with a whole Cloister and one business behind: conformance but for fixtures, the official clients, HTTP, and
what is kept of all that."""

import json
import os
import re
import subprocess
import unittest
import urllib.request
import uuid

import yaml

import redaction
from cluster import kill, wait_until
from official import HERE, NODE, REVISIONS, conformance
from stage import PROFILE, SLUG, stage

BASELINE = yaml.safe_load((HERE / "baseline.yaml").read_text(encoding="utf-8"))
running = None


def setUpModule():
    global running
    running = stage()


def tearDownModule():
    running.stop()


class Conformance(unittest.TestCase):
    def check(self, revision):
        """Nothing fails but what the baseline names, and all that does."""
        failed = {name: sorted(failures) for name, failures in conformance(running.public + "/mcp", revision).items() if failures}
        named = {name: sorted(checks) for name, checks in BASELINE[revision].items()}
        self.maxDiff = None
        self.assertEqual(failed, named)
        for name, checks in BASELINE[revision].items():
            for why in checks.values():
                self.assertRegex(why, "^needs ", name)


for each in REVISIONS:
    setattr(Conformance, "test_" + each.replace("-", "_"), lambda self, revision=each: self.check(revision))


class Clients(unittest.TestCase):
    def test_official_clients(self):
        """Each of the official TypeScript clients does the whole way; their own subtests are printed when one fails."""
        env = {**os.environ, "CLOISTER_PUBLIC": running.public, "CLOISTER_BUSINESS": SLUG}
        done = subprocess.run([NODE, "--test", "--test-concurrency=1", "--test-timeout=120000", "--test-reporter=tap", "clients.js"], cwd=HERE, env=env,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300, check=False)
        said = done.stdout.decode(errors="replace")
        passed = int(re.search(r"^# pass (\d+)", said, re.M).group(1))
        self.assertEqual(done.returncode, 0, said[-6000:])
        self.assertGreaterEqual(passed, 28, said[-2000:])


class Http(unittest.TestCase):
    """The same operations by plain HTTP."""

    def ask(self, method, path, body=None, headers=None):
        request = running.front.__class__("127.0.0.1", running.public_port, "none")
        return request.request(method, path, body, {"Authorization": None, **(headers or {})})

    def test_search_and_look(self):
        found = self.ask("GET", "/v1/businesses?q=cut&country=CH&lat=47.37&lon=8.54&radius_km=20&attribute=parking:true&limit=5")
        self.assertEqual(found.status, 200)
        self.assertEqual(found.json["businesses"][0]["slug"], SLUG)
        self.assertIn("distance_km", found.json["businesses"][0])
        self.assertEqual(self.ask("GET", f"/v1/businesses/{SLUG}").json["name"], PROFILE["name"])
        none = self.ask("GET", "/v1/businesses/nobody-here")
        self.assertEqual((none.status, none.code), (404, "unknown_business"))
        wrong = self.ask("GET", "/v1/businesses?limit=many")
        self.assertEqual((wrong.status, wrong.code), (400, "invalid_argument"))
        self.assertIn("limit", wrong.json["detail"])

    def test_book_look_move_cancel(self):
        slots = self.ask("GET", f"/v1/businesses/{SLUG}/availability?service=cut&limit=60").json["slots"]
        body = {"business": SLUG, "service": "cut", "start": slots[40]["start"], "customer": {"name": "Ada", "email": "ada@example.com"}}
        keyless = self.ask("POST", "/v1/bookings", body)
        self.assertEqual((keyless.status, keyless.code), (400, "invalid_argument"))
        key = {"Idempotency-Key": uuid.uuid4().hex}
        made = self.ask("POST", "/v1/bookings", body, key)
        self.assertEqual(made.status, 201, made)
        self.assertEqual(self.ask("POST", "/v1/bookings", body, key).json["reference"], made.json["reference"])
        other = self.ask("POST", "/v1/bookings", {**body, "customer": {"name": "Bob", "email": "bob@example.com"}}, key)
        self.assertEqual((other.status, other.code), (409, "key_reused"))
        taken = self.ask("POST", "/v1/bookings", body, {"Idempotency-Key": uuid.uuid4().hex})
        self.assertEqual((taken.status, taken.code), (409, "slot_taken"))
        self.assertTrue(taken.json["next_slots"])
        path, secret = f"/v1/bookings/{made.json['reference']}", {"Cloister-Booking": made.json["secret"]}
        self.assertEqual(self.ask("GET", path, headers=secret).json["status"], "confirmed")
        self.assertEqual(self.ask("GET", f"{path}?secret={made.json['secret']}").status, 200)
        self.assertEqual(self.ask("GET", path, headers={"Cloister-Booking": "x" * 22}).code, "unknown_booking")
        calendar = self.ask("GET", path + "/calendar.ics", headers=secret)
        self.assertTrue(calendar.body.startswith("BEGIN:VCALENDAR\r\n"))
        self.assertEqual(calendar.headers["Content-Type"], "text/calendar; charset=utf-8")
        moved = self.ask("POST", path + "/reschedule", {"start": taken.json["next_slots"][0]["start"]}, secret)
        self.assertEqual(moved.json["start"], taken.json["next_slots"][0]["start"], moved)
        self.assertEqual(self.ask("POST", path + "/cancel", headers=secret).json["status"], "cancelled")

    def test_by_our_name_alone(self):
        for headers in ({"Host": "evil.example"}, {"Origin": "https://evil.example"}):
            got = self.ask("POST", "/v1/bookings", {}, headers)
            self.assertEqual((got.status, got.code), (403, "not_allowed"), headers)
            self.assertEqual(self.ask("POST", "/mcp", {"jsonrpc": "2.0", "id": 1, "method": "ping"}, headers).status, 403)
        for headers in ({}, {"Host": f"localhost:{running.public_port}"}, {"Origin": running.public}):
            got = self.ask("POST", "/mcp", {"jsonrpc": "2.0", "id": 1, "method": "ping"}, {"Accept": "application/json", **headers})
            self.assertEqual((got.status, got.json["result"]), (200, {}), headers)

    def test_documents(self):
        spec = yaml.safe_load(self.ask("GET", "/openapi.yaml").body)
        self.assertIn("/mcp", spec["paths"])
        self.assertIn("business", spec["components"]["schemas"]["create_booking_arguments"]["properties"])
        self.assertIn("Book a free time", self.ask("GET", "/docs").body)
        self.assertEqual(self.ask("GET", "/mcp").status, 405)
        self.assertEqual(self.ask("DELETE", "/mcp").status, 405)

    def test_inquire(self):
        body = {"business": SLUG, "message": "Do you do perms?", "customer": {"name": "Ada", "email": "ada@example.com"}}
        self.assertEqual(self.ask("POST", "/v1/inquiries", body).code, "invalid_argument")
        key = {"Idempotency-Key": uuid.uuid4().hex}
        made = self.ask("POST", "/v1/inquiries", body, key)
        self.assertEqual(made.status, 201, made)
        self.assertEqual(self.ask("POST", "/v1/inquiries", body, key).json["reference"], made.json["reference"])
        seen = self.ask("GET", f"/v1/inquiries/{made.json['reference']}", headers={"Cloister-Booking": made.json["secret"]})
        self.assertIn(seen.json["status"], ("open", "answered"))
        self.assertEqual(self.ask("GET", f"/v1/inquiries/{made.json['reference']}").status, 400)

    def test_chat(self):
        """Whole, and streamed; who knows the conversation goes on with it."""
        path = f"/v1/businesses/{SLUG}/chat"
        whole = self.ask("POST", path, {"message": "What do you offer?"}, {"Accept": "application/json"})
        self.assertEqual(whole.status, 200, whole)
        self.assertIn("Cut", whole.text)
        self.assertGreaterEqual(len(whole.json["conversation"]), 22)
        self.assertNotIn("usage", whole.json)
        streamed = self.ask("POST", path, {"message": "And when are you open?", "conversation": whole.json["conversation"]}, {"Accept": "text/event-stream"})
        self.assertIn("event: done", streamed.body)
        self.assertIn(whole.json["conversation"], streamed.body)
        self.assertEqual(self.ask("POST", path, {"message": "Hello", "conversation": "guessable"}).code, "invalid_argument")
        self.assertEqual(self.ask("POST", "/v1/businesses/nobody-here/chat", {"message": "Hello"}).code, "unknown_business")
        refused = self.ask("POST", path, {"message": "Hello", "mesage_format": "x"})
        self.assertEqual((refused.status, refused.code), (400, "invalid_argument"), refused)
        self.assertIn("known are: message, conversation, timezone", refused.json["detail"])

    def test_over_a_restart(self):
        """Calls while cloister-business restarts wait for it; where it stays away they are told."""
        kill(running.programs()["cloister-business"])
        got = self.ask("GET", f"/v1/businesses?q={uuid.uuid4().hex}")
        self.assertIn((got.status, got.code), ((200, None), (503, "business_unavailable")), got)
        wait_until(30, lambda: self.ask("GET", f"/v1/businesses?q={uuid.uuid4().hex}").status == 200, "searches after a restart")

    def test_owners_routes_are_elsewhere(self):
        for method, path in (("POST", "/v1/chat"), ("GET", "/v1/users/owner/bookings"), ("GET", "/metrics"), ("GET", "/login")):
            self.assertIn(self.ask(method, path, {} if method == "POST" else None).status, (404, 405), path)


class Progress(unittest.TestCase):
    def ask(self, meta):
        body = {"jsonrpc": "2.0", "id": "p1", "method": "tools/call", "params": {
            "name": "ask_businesses", "arguments": {"message": "Is there parking?", "businesses": [SLUG], "deadline_ms": 20000}, **meta}}
        request = urllib.request.Request(running.public + "/mcp", json.dumps(body).encode(), {
            "Content-Type": "application/json", "Accept": "application/json, text/event-stream"})
        with urllib.request.urlopen(request, timeout=60) as got:
            return got.headers["Content-Type"], got.read().decode()

    def test_where_it_is_asked_for(self):
        kind, text = self.ask({"_meta": {"progressToken": "mine"}})
        self.assertTrue(kind.startswith("text/event-stream"), kind)
        events = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ")]
        told = [event["params"] for event in events if event.get("method") == "notifications/progress"]
        self.assertTrue(told)
        self.assertEqual({one["progressToken"] for one in told}, {"mine"})
        steps = [one["progress"] for one in told]
        self.assertEqual(steps, sorted(set(steps)))
        self.assertEqual(events[-1]["id"], "p1")
        self.assertEqual(events[-1]["result"]["structuredContent"]["asked"], 1)

    def test_nowhere_else(self):
        kind, text = self.ask({})
        self.assertEqual(kind, "application/json")
        self.assertEqual(json.loads(text)["result"]["structuredContent"]["asked"], 1)


class Redaction(unittest.TestCase):
    def test_canaries_in_every_argument(self):
        tools = redaction.ask(running, "tools/list", {})["result"]["tools"]
        canaries = redaction.Canaries()
        for tool in tools:
            for honest in (False, True):
                arguments = canaries.fill(tool["inputSchema"], honest)
                redaction.ask(running, "tools/call", {"name": tool["name"], "arguments": arguments})
        for made in self.real_ones(canaries):
            self.assertNotIn("error", made)
        self.assertGreater(len(canaries.all), 100)

        marker = uuid.uuid4().hex  # behind all of the above: rows are written a moment after the answer
        redaction.ask(running, "tools/call", {"name": "get_business", "arguments": {"business": SLUG}}, f"marker-{marker}")
        log = redaction.log_with(running, f"marker-{marker}")
        for tool in tools:
            self.assertIn(tool["name"], log)
        self.assertIn("invalid_argument", log)
        self.assertIn('"given"', log)
        others = {"log of the programs": running.log(), "metrics": redaction.metrics(running),
                  **{name: redaction.table(running, name) for name in ("buckets", "fingerprint_keys")}}
        self.assertEqual(redaction.found(canaries.all, log), [])
        for where, text in others.items():
            self.assertEqual(redaction.found(canaries.all, text), [], where)
        self.assertIn("cloister_http_requests", others["metrics"])
        self.assertNotIn("127.0.0.1", log)
        # Controls: the same look finds what is there.
        self.assertEqual(redaction.found(canaries.all, log + canaries.all[7]), [canaries.all[7]])
        self.assertTrue(redaction.found(canaries.all, redaction.table(running, "bookings")))

    def real_ones(self, canaries):
        """What is really done with canaries in it: kept with the booking, where it belongs, and nowhere else."""
        slots = running.get(f"/v1/businesses/{SLUG}/availability?service=colour&limit=30")[1]["slots"]
        email = f"{uuid.uuid4().hex}@canary.example"
        canaries.all.append(email)
        customer = {"name": canaries.new(), "email": email}
        booked = redaction.ask(running, "tools/call", {"name": "create_booking", "arguments": {
            "business": SLUG, "service": "colour", "start": slots[-1]["start"], "customer": customer, "note": canaries.new()}})
        yield booked
        facts = json.loads(booked["result"]["content"][0]["text"])
        yield redaction.ask(running, "tools/call", {"name": "cancel_booking", "arguments": {
            "reference": facts["reference"], "secret": facts["secret"], "reason": canaries.new()}})
        self.assertEqual(redaction.found([facts["secret"] + uuid.uuid4().hex], redaction.table(running, "calls")), [])
        self.assertNotIn(facts["secret"], redaction.table(running, "calls"))
        yield redaction.ask(running, "tools/call", {"name": "send_inquiry", "arguments": {
            "business": SLUG, "message": canaries.new(), "customer": customer}})
