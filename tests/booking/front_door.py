"""Owners with businesses, and their customers: over HTTP, and over MCP without a session."""

import datetime
import http.client
import json
import re
import urllib.parse
import uuid
import zoneinfo

from base import Case
from client import Answer

BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
NO_LIMITS = """
[business]
calls_per_minute=0
client_calls_per_minute=0
business_calls_per_minute=0
person_per_hour=0
made_per_hour=0
"""


def profile(**more):
    """A business that is always open, with an hour's service and one of half an hour with buffers."""
    return {
        "name": "Salon Anna", "category": "hairdresser", "summary": "Haircuts in Mitte", "description": "Cuts and colours.",
        "address": {"street": "Torstr. 1", "postal_code": "10119", "city": "Berlin", "country": "DE"},
        "services": [
            {"id": "cut", "name": "Haircut", "duration_minutes": 60, "step_minutes": 60, "horizon_days": 60, "mode": "at_business"},
            {"id": "talk", "name": "Consultation", "duration_minutes": 30, "step_minutes": 30, "buffer_before_minutes": 15,
             "buffer_after_minutes": 15, "horizon_days": 60, "mode": "remote"},
        ],
        "hours": {"timezone": "Europe/Berlin",
                  "weekly": [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "opens": "00:00", "closes": "24:00"}]},
        "languages": ["de", "en"], "contacts": {"email": "salon@example.test"},
        "features": {"booking": True, "inquiries": True, "chat": True, "agent_answers": False},
        **more}


def at(day, hour, zone=BERLIN):
    """Noon and the like, `day` days from today."""
    date = (datetime.datetime.now(zone) + datetime.timedelta(days=day)).date()
    return datetime.datetime.combine(date, datetime.time(hour), zone)


def text(when):
    return when.isoformat(timespec="seconds")


def when(stamp):
    return datetime.datetime.fromisoformat(stamp.replace("Z", "+00:00"))


class Public:
    """Anybody, at the public listener."""

    def __init__(self, port, timeout=60):
        self.port, self.timeout = port, timeout

    def request(self, method, path, body=None, headers=None):
        conn = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.timeout)
        head = {"Content-Type": "application/json"} if body is not None else {}
        try:
            conn.request(method, path, json.dumps(body) if body is not None else None, {**head, **(headers or {})})
            reply = conn.getresponse()
            return Answer(reply.status, dict(reply.getheaders()), reply.read().decode("utf-8", "replace"))
        finally:
            conn.close()

    def book(self, slug, start, service="cut", key=None, **more):
        body = {"business": slug, "service": service, "start": text(start), "customer": {"name": "Bob Kunde", "email": "bob@example.test"},
                **more}
        return self.request("POST", "/v1/bookings", body, {"Idempotency-Key": key or uuid.uuid4().hex})

    def booking(self, method, booking, rest="", body=None, secret=None):
        return self.request(method, f"/v1/bookings/{booking['reference']}{rest}", body,
                            {"Cloister-Booking": secret or booking["secret"]})

    def free(self, slug, start, end, service="cut", **more):
        query = urllib.parse.urlencode({"service": service, "from": text(start), "until": text(end), "limit": 200, **more})
        return self.request("GET", f"/v1/businesses/{slug}/availability?{query}")

    def tool(self, name, arguments):
        """tools/call as clients of 2026-07-28 send it. Status as over HTTP: 200, or 409 and so on of a result that is an error."""
        call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
            "name": name, "arguments": arguments, "_meta": {
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientInfo": {"name": "booking-tests", "version": "1"},
                "io.modelcontextprotocol/clientCapabilities": {}}}}
        got = self.request("POST", "/mcp", call, {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2026-07-28",
                                                  "Mcp-Method": "tools/call", "Mcp-Name": name})
        found = re.search(r"^data: ?(\{.*\})$", got.body, re.M)
        return json.loads(found.group(1) if found else got.body)["result"]

    def page_form(self, slug, start, service="cut", key=None):
        """What a browser without scripts sends."""
        form = {"service": service, "start": text(start), "name": "Bob Kunde", "email": "bob@example.test", "phone": "", "note": "",
                "key": key or uuid.uuid4().hex}
        conn = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.timeout)
        try:
            conn.request("POST", f"/b/{slug}/book", urllib.parse.urlencode(form), {
                "Content-Type": "application/x-www-form-urlencoded", "Origin": f"http://127.0.0.1:{self.port}"})
            reply = conn.getresponse()
            return Answer(reply.status, dict(reply.getheaders()), reply.read().decode("utf-8", "replace"))
        finally:
            conn.close()


class FrontCase(Case):
    extra = NO_LIMITS

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.public = Public(cls.cluster.public_port)

    def business(self, owner=None, **more):
        """A published business of a new owner: (slug, owner)."""
        owner = owner or self.person()
        slug = "b-" + uuid.uuid4().hex[:12]
        put = self.front.request("PUT", f"/v1/businesses/{slug}?user={owner}", {"profile": profile(**more), "publish": True},
                                 self.front.grant_headers(owner))
        self.assertEqual(put.status, 200, put)
        return slug, owner

    def events(self, owner):
        """id -> event, of what stands in the stand-in calendar."""
        return {event["id"]: event for event in self.admin.events(owner)}

    def booked(self, answer):
        self.assertEqual(answer.status, 201, f"{answer} {answer.body[:500]}")
        self.assertEqual(answer.json["status"], "confirmed")
        return answer.json

    def assertEventAt(self, owner, start, minutes=60):
        """Exactly one event, there and so long."""
        events = list(self.events(owner).values())
        self.assertEqual(len(events), 1, events)
        self.assertEqual(when(events[0]["start"]["dateTime"]), start)
        self.assertEqual(when(events[0]["end"]["dateTime"]) - start, datetime.timedelta(minutes=minutes))
        return events[0]

    def sql(self, statement):
        """Rows of cloister-business's schema, as an operator looks at them."""
        import subprocess
        done = subprocess.run(["setpriv", "--reuid", "cloister-postgres", "--regid", "cloister-postgres", "--clear-groups", "env", "-C", "/",
                               "psql", "-XAtq", "-h", str(self.cluster.dir / "sockets"), "-d", "cloister", "-v", "ON_ERROR_STOP=1", "-c",
                               "SET search_path = business; " + statement],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=30)
        assert done.returncode == 0, done.stderr.decode()
        return [line.split("|") for line in done.stdout.decode().splitlines()]
