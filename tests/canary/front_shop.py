"""A business and its customers for the canary runs: each request over HTTP, by MCP, on the pages or in the chat, with secrets
in every field that somebody writes."""

import datetime
import http.client
import json
import re
import urllib.parse
import uuid
import zoneinfo

from scanner import canary, letters

from client import Answer

BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
FEATURES = {"booking": True, "inquiries": True, "chat": True, "agent_answers": False}
META = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}


def profile(secret, **features):
    """Always open. `secret` gives the words of each text; what customers see of a published one is no secret."""
    return {"name": f"Salon {secret()}", "category": "hairdresser", "summary": secret(), "description": secret(),
            "address": {"street": secret(), "postal_code": "10119", "city": "Berlin", "country": "DE"},
            "services": [{"id": "cut", "name": f"Cut {secret()}", "description": secret(), "duration_minutes": 60, "step_minutes": 60,
                          "horizon_days": 60, "mode": "at_business"}],
            "hours": {"timezone": "Europe/Berlin", "weekly": [{"days": DAYS, "opens": "00:00", "closes": "24:00"}]},
            "languages": ["de"], "contacts": {"email": f"{letters(12)}@example.test"}, "features": {**FEATURES, **features}}


def at(day, hour, minute=0):
    date = (datetime.datetime.now(BERLIN) + datetime.timedelta(days=day)).date()
    return datetime.datetime.combine(date, datetime.time(hour, minute), BERLIN).isoformat(timespec="seconds")


class Shop:
    """`said(kind)` gives a secret of that kind, which the scanner then knows; `owner(method, path, body)` asks as the owner;
    `keep` hears each answer that is not a page."""

    def __init__(self, port, said, owner, keep=lambda answer: answer):
        self.port, self.said, self.owner, self.keep, self.hours = port, said, owner, keep, 0

    # -- the owner's --
    def open(self, **features):
        """A business with a published profile, and a later draft that is nobody's but its owner's; its address."""
        slug = "shop-" + uuid.uuid4().hex[:12]
        put = self.owner("PUT", f"/v1/businesses/{slug}", {"profile": profile(lambda: letters(12), **features), "publish": True})
        assert put.status == 200, put
        put = self.owner("PUT", f"/v1/businesses/{slug}", {"profile": profile(self.draft, **features)})
        assert put.status == 200, put
        return slug

    def draft(self):
        return self.said("draft")

    # -- customers' --
    def send(self, method, path, body=None, headers=None, form=False):
        conn = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        head = {"User-Agent": self.said("header"), "X-Whatever": self.said("header"), "Accept-Language": self.said("header")}
        if form:
            head.update({"Content-Type": "application/x-www-form-urlencoded", "Origin": f"http://127.0.0.1:{self.port}"})
            body = urllib.parse.urlencode(body)
        elif body is not None:
            head["Content-Type"] = "application/json"
            body = json.dumps(body, ensure_ascii=self.hours % 2 == 0)
        try:
            conn.request(method, path, None if body is None else body.encode(), {**head, **(headers or {})})
            reply = conn.getresponse()
            return Answer(reply.status, dict(reply.getheaders()), reply.read().decode("utf-8", "replace"))
        finally:
            conn.close()

    def http(self, method, path, body=None, **headers):
        return self.keep(self.send(method, path, body, {k.replace("_", "-"): v for k, v in headers.items()}))

    def page(self, path, form=None):
        """What it shows is what the browser's user has typed, so it is not kept."""
        return self.send("GET" if form is None else "POST", path, form, form=form is not None)

    def tool(self, name, arguments):
        """The result of tools/call; `code` of one that is an error."""
        call = {"jsonrpc": "2.0", "id": self.said("header"), "method": "tools/call", "params": {
            "name": name, "arguments": arguments, "_meta": {**META, "io.modelcontextprotocol/clientInfo": {"name": "canary", "version": "1"}}}}
        got = self.send("POST", "/mcp", call, {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2026-07-28",
                                               "Mcp-Method": "tools/call", "Mcp-Name": name})
        found = re.search(r"^data: ?(\{.*\})$", got.body, re.M)
        result = json.loads(found.group(1) if found else got.body).get("result", {})
        texts = [part["text"] for part in result.get("content", [])]
        facts = json.loads(texts[-1]) if texts else {}
        if result.get("isError"):
            self.keep(Answer(400, {}, "\n".join(texts)))
        return facts

    def customer(self, kind="customer"):
        return {"name": self.said(kind), "email": f"{self.said(kind, letters(20).lower())}@example.test",
                "phone": "+49" + self.said(kind, digits())}

    def key(self):
        return self.said("idempotency", letters(24))

    def start(self):
        """A time that no other row asks for."""
        self.hours += 1
        return at(1 + self.hours // 20, self.hours % 20 + 1)

    def booking(self, slug, start=None, kind="customer", **more):
        """Arguments of create_booking."""
        return {"business": slug, "service": "cut", "start": start or self.start(), "customer": self.customer(kind), "note": self.said(kind), **more}

    def inquiry(self, slug, kind="customer"):
        return {"business": slug, "message": self.said(kind), "customer": self.customer(kind)}

    def book(self, slug, start=None, **more):
        """One that is made; its answer, whose secrets the scanner knows."""
        made = self.http("POST", "/v1/bookings", self.booking(slug, start, **more), Idempotency_Key=self.key())
        assert made.status == 201, made
        return self.learn(made.json)

    def learn(self, made):
        self.said("booking", made["secret"])
        for name in ("manage_url", "cancel_url", "ics_url"):
            for secret in urllib.parse.parse_qs(urllib.parse.urlsplit(made.get(name, "")).query).get("secret", []):
                self.said("booking", secret)
        return made

    def ask(self, slug):
        """An inquiry that is kept; its answer."""
        made = self.http("POST", "/v1/inquiries", self.inquiry(slug), Idempotency_Key=self.key())
        assert made.status == 201, made
        return self.learn(made.json)

    def chat(self, slug, message=None, conversation=None):
        body = {"message": f"{message or 'Hello'} {self.said('message')}", "timezone": "Europe/Berlin"}
        if conversation:
            body["conversation"] = conversation
        return self.keep(self.send("POST", f"/v1/businesses/{slug}/chat", body, {"Accept": "application/json"}))


def digits():
    return str(uuid.uuid4().int)[:12]
