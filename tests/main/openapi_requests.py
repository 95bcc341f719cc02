"""Makes the requests that gateway/openapi.yaml describes, and spoils them in one way each."""

import dataclasses
import http.client
import json
import socket
import urllib.parse
import uuid

from client import Answer
from cluster import RETURN_TO
from person import SESSION

JSON, FORM = "application/json", "application/x-www-form-urlencoded"
DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
PROFILE = {"name": "Salon Linde", "category": "hairdresser", "summary": "Haircuts.", "address": {"city": "Berlin", "country": "DE"},
           "services": [{"id": "cut", "name": "Cut", "duration_minutes": 60, "step_minutes": 60, "mode": "at_business"}],
           "hours": {"timezone": "Europe/Berlin", "weekly": [{"days": DAYS, "opens": "09:00", "closes": "17:00"}]},
           "features": {"booking": True, "inquiries": True}}
BODIES = {
    "chat": {"user": "{user}", "message": "What do I have tomorrow?", "timezone": "Europe/Berlin"},
    "createConnectLink": {"features": ["availability", "events"], "return_to": RETURN_TO},
    "redeem": {"code": "0" * 43},
    "confirmProposal": {"user": "{user}"},
    "rejectProposal": {"user": "{user}"},
    "correctMemory": {"text": "I like afternoons"},
    "signOut": {"csrf": "{csrf}"},
    "memoryChange": {"csrf": "{csrf}", "act": "delete", "id": "0" * 32},
    "putBusiness": {"profile": PROFILE},
    "setNotifications": {"emails": ["ann@salon.example"], "kinds": ["inquiry_new"]},
    "rescheduleOwnBooking": {"start": "2020-01-01T10:00:00+01:00"},
    "answerInquiry": {"text": "Yes, on Tuesdays."},
    "businessesForm": {"csrf": "{csrf}", "name": "Salon", "slug": "nobody-has-this", "timezone": "Europe/Berlin"},
    "businessForm": {"csrf": "{csrf}", "act": "unpublish"},
    "noticesForm": {"csrf": "{csrf}", "act": "save", "emails": "ann@salon.example, ben@salon.example", "inquiry_new": "1"},
    "bookingsForm": {"csrf": "{csrf}", "act": "cancel", "reference": "BK7Q2M"},
    "inquiriesForm": {"csrf": "{csrf}", "reference": "IQ7Q2M", "text": "Yes"},
    "connectBegin": {"csrf": "{csrf}", "features": "events"},
}
PARAMETERS = {"id": "0" * 32, "token": "0" * 43, "name": "docs.css", "slug": "salon-linde", "reference": "BK7Q2M"}


@dataclasses.dataclass
class Request:
    """What is sent. `source`: the address it comes from; `unix`: a socket to send it to instead."""
    method: str
    path: str
    headers: dict
    body: bytes = None
    source: str = None
    unix: str = None

    def send(self, port, timeout=90):
        conn = http.client.HTTPConnection("127.0.0.1", port, timeout, (self.source, 0) if self.source else None)
        if self.unix:
            conn.sock = socket.socket(socket.AF_UNIX)
            conn.sock.settimeout(timeout)
            conn.sock.connect(str(self.unix))
        try:
            conn.request(self.method, self.path, self.body, self.headers)
            reply = conn.getresponse()
            text = reply.read().decode("utf-8", "replace")
            return Answer(reply.status, dict(reply.getheaders()), text, events_of(reply, text))
        finally:
            conn.close()


def events_of(reply, text):
    """The events of a stream, those without a name as "message"."""
    if not reply.headers.get("Content-Type", "").startswith("text/event-stream"):
        return None
    events = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line and not line.startswith(":"))
        if "data" in fields:
            events.append((fields.get("event", "message"), json.loads(fields["data"])))
    return events


class Asker:
    """Somebody who may use an operation: a frontend with a user's grant, or the owner of a session."""

    def __init__(self, key=None, user="me", grant=None, session=None, csrf=None):
        self.key, self.user, self.grant, self.session, self.csrf = key, user, grant, session, csrf

    def headers(self, operation):
        head = {}
        if self.key:
            head["Authorization"] = f"Bearer {self.key}"
        if self.grant:
            head["Cloister-Grant"] = self.grant
        if self.session:
            head["Cookie"] = f"{SESSION}={self.session}"
            if operation.body != FORM and self.csrf:
                head["Cloister-CSRF"] = self.csrf
        return head

    def request(self, operation, runtime_dir=None, **parameters):
        """As documented. `parameters`: for the path; `body`: other fields."""
        fields = {**BODIES.get(operation.name, {}), **parameters.pop("body", {})}
        known = {"user": self.user, "csrf": self.csrf or ""}
        fields = {k: known[v[1:-1]] if isinstance(v, str) and v[:1] == "{" else v for k, v in fields.items() if v is not None}
        path = operation.path
        for name, value in {**PARAMETERS, "user": self.user, **parameters}.items():
            path = path.replace("{" + name + "}", urllib.parse.quote(value, safe=""))
        if any(p["name"] == "user" and p["in"] == "query" for p in operation.parameters):
            path += "?" + urllib.parse.urlencode({"user": parameters.get("user", self.user)})
        head, body = self.headers(operation), None
        if operation.body == JSON:
            head["Content-Type"], body = JSON, json.dumps(fields).encode()
        elif operation.body == FORM:
            head["Content-Type"], body = FORM, urllib.parse.urlencode(fields, doseq=True).encode()
        if operation.name in ("chat", "confirmProposal", "rejectProposal"):
            head["Idempotency-Key"] = uuid.uuid4().hex
        unix = runtime_dir / "operator/gateway-owner.sock" if "operators" in operation.tags else None
        return Request(operation.method, path, head, body, unix=unix)
