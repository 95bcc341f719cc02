"""A browser as attackers and their victims use it: cookies by their attributes, referrers by policy, everything that
was sent and served kept for a later look. Follows nothing by itself."""

import http.client
import json
import ssl
import time
import urllib.parse
import uuid

from client import Answer, FormReader, query_of

SESSION, LOGIN = "__Host-cloister-session", "__Host-cloister-login"


class Seen:
    """One exchange: what the browser sent, what it was served."""

    def __init__(self, method, url, sent, answer, cookies):
        self.method, self.url, self.sent, self.answer, self.cookies = method, url, sent, answer, cookies


def origin_of(url):
    parts = urllib.parse.urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def referrer(page, policy, target):
    """What a browser says of `page` when it asks for `target` (W3C Referrer Policy, 8.3); None: nothing."""
    if page is None:
        return None
    full, origin, same = page.split("#")[0], origin_of(page) + "/", origin_of(page) == origin_of(target)
    worse = page.startswith("https:") and not target.startswith("https:")
    return {
        "no-referrer": None,
        "same-origin": full if same else None,
        "origin": origin,
        "strict-origin": None if worse else origin,
        "origin-when-cross-origin": full if same else origin,
        "no-referrer-when-downgrade": None if worse else full,
        "unsafe-url": full,
    }.get(policy, full if same else None if worse else origin)


class Person:
    def __init__(self, cluster, account=None):
        self.cluster, self.account = cluster, account
        self.base = f"http://127.0.0.1:{cluster.port}"
        self.tls = ssl.create_default_context(cafile=cluster.named["CA_FILE"])
        self.address = "10." + ".".join(str(n) for n in uuid.uuid4().bytes[:3])  # limits are for each address
        self.jar, self.tape = {}, []
        self.page, self.policy = None, ""

    # -- cookies --

    def cookies(self, url=None):
        return self.jar.setdefault(urllib.parse.urlsplit(url or self.base).netloc, {})

    def keep(self, url, line):
        """Takes a Set-Cookie line; a value with an end in the past takes the cookie away."""
        pair, *attributes = [part.strip() for part in line.split(";")]
        name, _, value = pair.partition("=")
        given = {a.partition("=")[0].lower(): a.partition("=")[2] for a in attributes}
        if name.startswith("__Host-"):
            assert "secure" in given and given.get("path") == "/" and "domain" not in given, line
        if given.get("max-age", "1").lstrip("-").isdigit() and int(given.get("max-age", "1")) <= 0:
            self.cookies(url).pop(name, None)
        else:
            self.cookies(url)[name] = value

    @property
    def session(self):
        return self.cookies().get(SESSION)

    # -- requests --

    def send(self, method, url, form=None, body=None, headers=None):
        """One request, with this browser's cookies, from the page that it shows."""
        url = urllib.parse.urljoin(self.base + "/", url)
        parts = urllib.parse.urlsplit(url)
        if parts.scheme == "https":
            conn = http.client.HTTPSConnection(parts.hostname, parts.port, context=self.tls, timeout=30)
        else:
            conn = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
        sent, data = {}, None
        if self.cookies(url):
            sent["Cookie"] = "; ".join(f"{k}={v}" for k, v in self.cookies(url).items())
        if form is not None:
            data, sent["Content-Type"] = urllib.parse.urlencode(form), "application/x-www-form-urlencoded"
        elif body is not None:
            data, sent["Content-Type"] = json.dumps(body), "application/json"
        said = referrer(self.page, self.policy, url)
        if said:
            sent["Referer"] = said
        if url.startswith(self.base):
            sent["X-Forwarded-For"] = self.address
        sent.update(headers or {})
        sent = {k: v for k, v in sent.items() if v is not None}
        try:
            conn.request(method, (parts.path or "/") + ("?" + parts.query if parts.query else ""), data, sent)
            reply = conn.getresponse()
            answer = Answer(reply.status, dict(reply.getheaders()), reply.read().decode("utf-8", "replace"))
            lines = reply.headers.get_all("Set-Cookie") or []
        finally:
            conn.close()
        for line in lines:
            self.keep(url, line)
        self.tape.append(Seen(method, url, sent, answer, lines))
        if "text/html" in answer.headers.get("Content-Type", ""):
            self.page, self.policy = url, answer.headers.get("Referrer-Policy", "")
        elif "Location" in answer.headers:  # a redirect may change the policy of what comes of it (Fetch, 4.4)
            self.policy = answer.headers.get("Referrer-Policy") or self.policy
        return answer

    def get(self, url, **more):
        return self.send("GET", url, **more)

    def form(self, url, fields, **headers):
        """Posts a form from a page of our own, as a browser would."""
        return self.send("POST", url, form=fields,
                         headers={"Origin": self.base, "Sec-Fetch-Site": "same-origin", **headers})

    def api(self, method, path, body=None, csrf=None, **headers):
        """What a script of our page does."""
        given = {"Origin": self.base, "Sec-Fetch-Site": "same-origin", "Cloister-CSRF": csrf, "Accept": "application/json"}
        return self.send(method, path, body=body, headers={**given, **headers})

    # -- ways through Google --

    def consent(self, google, account=None, allow=True, scopes=None):
        """At Google: the address that it sends the browser back to."""
        page = self.get(google)
        if page.status in (302, 303):
            return page.headers["Location"]
        form = FormReader()
        form.feed(page.body)
        assert form.action is not None, f"no consent form: {page.status} {page.body[:200]}"
        fields = [(n, v) for kind, n, v in form.inputs if n not in ("account", "pick", "decision") and kind != "submit"
                  and not (n == "scope" and scopes is not None and not any(v.endswith(s) for s in scopes))]
        fields += [("account", account or self.account), ("decision", "allow" if allow else "deny")]
        back = self.send("POST", urllib.parse.urljoin(google, form.action), form=fields)
        assert back.status in (302, 303), f"consent: {back.status} {back.body[:200]}"
        return back.headers["Location"]

    def set_out(self, path="/login"):
        """To Google: the address of its page."""
        sent = self.get(path)
        assert sent.status in (302, 303), f"{path}: {sent.status} {sent.body[:300]}"
        return sent.headers["Location"]

    def sign_in(self, account=None):
        landed = self.get(self.consent(self.set_out(), account))
        assert landed.status in (302, 303) and self.session, f"sign-in: {landed.status} {landed.body[:400]}"
        return self

    def who(self):
        """{account, csrf} of this browser's session, or None."""
        shown = self.api("GET", "/v1/session")
        return shown.json if shown.status == 200 else None

    @property
    def csrf(self):
        return self.who()["csrf"]

    def link(self, features=("availability", "events"), **more):
        """The web pages' own connect link."""
        made = self.form("/connect", [("csrf", self.csrf), *(("features", f) for f in features), *more.items()])
        assert made.status == 303, f"connect: {made.status} {made.body[:300]}"
        return made.headers["Location"]

    def connect(self):
        landed = self.get(self.consent(self.set_out(self.link())))
        assert landed.status in (302, 303), f"callback: {landed.status} {landed.body[:400]}"
        return landed.headers["Location"]


class Scene:
    """Fresh people on one cluster."""

    def __init__(self, cluster):
        self.cluster, self.front, self.admin = cluster, cluster.front, cluster.admin

    def name(self, label):
        """A Google account with one secret in it, and a name for its owner."""
        name = label + uuid.uuid4().hex[:8]
        day = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 86400))
        self.admin.account(name, "UTC", [{"summary": f"Secret of {name}", "start": {"dateTime": f"{day}T10:00:00Z"},
                                          "end": {"dateTime": f"{day}T11:00:00Z"}}])
        return name

    def person(self, label="guest"):
        return Person(self.cluster, self.name(label))

    def code(self, person, link, account=None):
        """All the way with a frontend's link: the code that comes back, or None when refused."""
        opened = person.get(link)
        if opened.status != 302:
            return None
        landed = person.get(person.consent(opened.headers["Location"], account))
        return query_of(landed.headers["Location"]).get("code") if landed.status == 302 else None

    def redeem(self, user, code, front=None):
        return (front or self.front).user("POST", user, "connections/redeem", {"code": code})
