"""A chat frontend, a browser and the stand-ins' admin, as the tests need them. Standard library only."""

import html.parser
import http.client
import json
import ssl
import urllib.parse
import uuid


class Answer:
    """What came back: status, headers, parsed body; for a stream its events in order."""

    def __init__(self, status, headers, body, events=None):
        self.status, self.headers, self.body, self.events = status, headers, body, events or []
        try:
            self.json = json.loads(body) if body else None
        except ValueError:
            self.json = None

    @property
    def text(self):
        if self.events:
            return "".join(d.get("text", "") for e, d in self.events if e == "delta")
        return (self.json or {}).get("reply", "")

    @property
    def code(self):
        for event, data in self.events:
            if event == "error":
                return data.get("code")
        return (self.json or {}).get("code")

    @property
    def error(self):
        for event, data in self.events:
            if event == "error":
                return data
        return self.json if self.status >= 400 else None

    @property
    def done(self):
        streamed = self.headers.get("Content-Type", "").startswith("text/event-stream")
        return any(e == "done" for e, _ in self.events) if streamed else self.status == 200

    def __repr__(self):
        return f"<{self.status} {self.code or ''} {self.text[:300]!r} {self.error or ''}>"


class Own:
    """The default of `grant`: the one that this frontend keeps for the user."""


class Frontend:
    """Calls the API with a frontend key; keeps each user's grant from redeem on and takes over renewed ones.

    `grant=` of a call: left out, the kept one; None, none at all; a string, that one (and then an answer's
    renewed grant is not kept)."""

    def __init__(self, host, port, key, timeout=60):
        self.host, self.port, self.key, self.timeout = host, port, key, timeout
        self.grants = {}

    def grant_headers(self, user, grant=Own):
        value = self.grants.get(user) if grant is Own else grant
        return {"Cloister-Grant": value} if value else {}

    def keep_grant(self, user, answer, grant=Own):
        """Renewed grants come in a header, in a JSON answer, or in a stream's last event."""
        if grant is not Own:
            return answer
        found = [v for k, v in answer.headers.items() if k.lower() == "cloister-grant"]
        if answer.status == 200 and isinstance(answer.json, dict):
            found.append(answer.json.get("grant"))
        found += [data.get("grant") for event, data in answer.events if event == "done"]
        for value in found:
            if value:
                self.grants[user] = value
        return answer

    def request(self, method, path, body=None, headers=None, raw=None):
        conn = http.client.HTTPConnection(self.host, self.port, timeout=self.timeout)
        head = {"Authorization": f"Bearer {self.key}"}
        data = raw
        if body is not None:
            data = json.dumps(body)
            head["Content-Type"] = "application/json"
        head.update(headers or {})
        try:
            conn.request(method, path, body=data, headers={k: v for k, v in head.items() if v is not None})
            reply = conn.getresponse()
            return Answer(reply.status, dict(reply.getheaders()), reply.read().decode("utf-8", "replace"))
        finally:
            conn.close()

    def stream(self, user, message, on_event=None, key=None, grant=Own, **fields):
        """One chat turn as a frontend shows it; `on_event(event, data)` may close it early."""
        conn = http.client.HTTPConnection(self.host, self.port, timeout=self.timeout)
        head = {
            "Authorization": f"Bearer {self.key}",
            "Content-Type": "application/json",
            "Accept": "text/event-stream",
            "Idempotency-Key": key or uuid.uuid4().hex,
            **self.grant_headers(user, grant),
        }
        try:
            conn.request("POST", "/v1/chat", json.dumps({"user": user, "message": message, **fields}), head)
            reply = conn.getresponse()
            if reply.status != 200:
                return Answer(reply.status, dict(reply.getheaders()), reply.read().decode())
            events, name, data = [], "message", []
            for raw in reply:
                line = raw.decode("utf-8").rstrip("\r\n")
                if line.startswith("event:"):
                    name = line[6:].strip()
                elif line.startswith("data:"):
                    data.append(line[5:].removeprefix(" "))
                elif line == "" and data:
                    event = (name, json.loads("\n".join(data)))
                    events.append(event)
                    name, data = "message", []
                    if on_event and on_event(*event) is False:
                        break
            return self.keep_grant(user, Answer(200, dict(reply.getheaders()), "", events), grant)
        finally:
            conn.close()

    def ask(self, user, message, key=None, grant=Own, **fields):
        headers = {"Idempotency-Key": key} if key else {}
        headers.update(self.grant_headers(user, grant))
        got = self.request("POST", "/v1/chat", {"user": user, "message": message, **fields}, headers)
        return self.keep_grant(user, got, grant)

    def user(self, method, user, rest, body=None, grant=Own):
        path = f"/v1/users/{urllib.parse.quote(user, safe='')}/{rest}"
        got = self.request(method, path, body, self.grant_headers(user, grant))
        return self.keep_grant(user, got, grant)


class FormReader(html.parser.HTMLParser):
    """Finds the first form: its action and inputs."""

    def __init__(self):
        super().__init__()
        self.action, self.inputs, self.open = None, [], False

    def handle_starttag(self, tag, attrs):
        a = dict(attrs)
        if tag == "form" and self.action is None:
            self.action, self.open = a.get("action") or "", True
        elif tag == "input" and self.open and a.get("name"):
            self.inputs.append((a.get("type", "text"), a["name"], a.get("value", "")))

    def handle_endtag(self, tag):
        if tag == "form":
            self.open = False


class Browser:
    """Follows nothing by itself; keeps cookies."""

    def __init__(self, ca_file):
        self.tls = ssl.create_default_context(cafile=ca_file)
        self.cookies = {}

    def visit(self, method, url, form=None):
        parts = urllib.parse.urlsplit(url)
        if parts.scheme == "https":
            conn = http.client.HTTPSConnection(parts.hostname, parts.port, context=self.tls, timeout=30)
        else:
            conn = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
        head = {}
        jar = self.cookies.setdefault(parts.netloc, {})
        if jar:
            head["Cookie"] = "; ".join(f"{k}={v}" for k, v in jar.items())
        body = None
        if form is not None:
            body = urllib.parse.urlencode(form)
            head["Content-Type"] = "application/x-www-form-urlencoded"
        path = parts.path or "/"
        if parts.query:
            path += "?" + parts.query
        try:
            conn.request(method, path, body, head)
            reply = conn.getresponse()
            text = reply.read().decode("utf-8", "replace")
            for value in reply.headers.get_all("Set-Cookie") or []:
                name, _, rest = value.partition("=")
                jar[name] = rest.split(";")[0]
            return Answer(reply.status, dict(reply.getheaders()), text)
        finally:
            conn.close()

    def consent(self, google_url, account, scopes=None, allow=True):
        """Fills the consent form in; returns the address Google sends the browser back to."""
        page = self.visit("GET", google_url)
        form = FormReader()
        form.feed(page.body)
        assert form.action is not None, f"no consent form: {page.status} {page.body[:200]}"
        fields = []
        for kind, name, value in form.inputs:
            if name in ("account", "pick", "decision") or kind == "submit":
                continue
            if name == "scope" and scopes is not None and not any(value.endswith(s) for s in scopes):
                continue
            fields.append((name, value))
        fields += [("account", account), ("decision", "allow" if allow else "deny")]
        back = self.visit("POST", urllib.parse.urljoin(google_url, form.action), fields)
        assert back.status in (302, 303), f"consent: {back.status} {back.body[:200]}"
        return back.headers["Location"]


def query_of(url):
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))


class WorldAdmin:
    """The stand-ins' admin port."""

    def __init__(self, url):
        self.parts = urllib.parse.urlsplit(url)

    def call(self, method, path, body=None):
        conn = http.client.HTTPConnection(self.parts.hostname, self.parts.port, timeout=30)
        try:
            conn.request(method, path, json.dumps(body) if body is not None else None, {"Content-Type": "application/json"})
            reply = conn.getresponse()
            text = reply.read().decode()
            assert reply.status < 300, f"admin {method} {path}: {reply.status} {text[:200]}"
            return json.loads(text) if text else None
        finally:
            conn.close()

    def account(self, name, timezone="Europe/Berlin", events=()):
        return self.call("POST", "/accounts", {"name": name, "timezone": timezone, "events": list(events)})

    def events(self, name):
        got = self.call("GET", f"/accounts/{name}/events")
        got = got["events"] if isinstance(got, dict) and "events" in got else got
        return [e for e in got if e.get("status") != "cancelled"]

    def fault(self, service, kind, times=1, **more):
        match = {"service": service}
        for name in ("method", "path_contains", "account"):
            if name in more:
                match[name] = more.pop(name)
        return self.call("POST", "/faults", {"match": match, "kind": kind, "times": times, **more})

    def clear_faults(self):
        self.call("DELETE", "/faults")

    def requests(self):
        got = self.call("GET", "/requests")
        return got["requests"] if isinstance(got, dict) and "requests" in got else got

    def clear_requests(self):
        self.call("DELETE", "/requests")
