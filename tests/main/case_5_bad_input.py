"""Bad input on every route: right status, stable code, the process alive, memory flat."""

import json
import pathlib
import socket
import time
import unittest

from base import SANITIZED, Case
from cluster import RETURN_TO

USER = "/v1/users/someone"
ROUTES = [
    ("POST", "/v1/chat", {"user": "someone", "message": "hi"}),
    ("DELETE", f"{USER}/session", None),
    ("GET", f"{USER}/memory", None),
    ("DELETE", f"{USER}/memory", None),
    ("DELETE", f"{USER}/memory/0123", None),
    ("PUT", f"{USER}/memory/0123", {"text": "I like mornings"}),
    ("POST", f"{USER}/connect-links", {"features": ["events"], "return_to": RETURN_TO}),
    ("POST", f"{USER}/connections/redeem", {"code": "nope"}),
    ("GET", f"{USER}/connections/google", None),
    ("DELETE", f"{USER}/connections/google", None),
    ("DELETE", f"{USER}/grants", None),
]
BODIES = [r for r in ROUTES if r[2] is not None]


class BadInput(Case):
    def raw(self, data, wait=10):
        with socket.create_connection(("127.0.0.1", self.cluster.port), timeout=wait) as s:
            s.sendall(data)
            got = b""
            try:
                while chunk := s.recv(65536):
                    got += chunk
            except (TimeoutError, ConnectionResetError):
                pass
            return got

    def head(self, method, path, *lines):
        lines = (f"{method} {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {self.front.key}", "Connection: close", *lines)
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    def problem(self, got, status, *codes):
        self.assertEqual(got.status, status, got)
        self.assertTrue(got.headers.get("Content-Type", "").startswith("application/problem+json"), got.headers)
        self.assertTrue(got.json["detail"], got)
        self.assertEqual(got.json["status"], status)
        if codes:
            self.assertIn(got.json["code"], codes)

    def test_wrong_method(self):
        for _, path, _ in ROUTES:
            with self.subTest(path=path):
                got = self.front.request("PATCH", path, {})
                self.problem(got, 405, "method_not_allowed")
                self.assertTrue(got.headers.get("Allow"))

    def test_no_key_and_wrong_key(self):
        for method, path, body in ROUTES:
            with self.subTest(path=path):
                self.problem(self.front.request(method, path, body, {"Authorization": None}), 401, "unauthorized")
        self.problem(self.front.request("GET", f"{USER}/memory", None, {"Authorization": "Bearer " + "0" * 64}), 401, "unauthorized")

    def test_body_that_is_not_what_it_should_be(self):
        for method, path, body in BODIES:
            with self.subTest(path=path):
                typed = {"Content-Type": "application/json"}
                self.problem(self.front.request(method, path, headers=typed, raw="{not json"), 400, "invalid_json")
                self.problem(self.front.request(method, path, headers=typed, raw="[1]"), 400, "invalid_json", "invalid_field")
                self.problem(self.front.request(method, path, headers=typed, raw=b'{"user":"\xff\xfe"}'), 400, "invalid_json", "invalid_utf8")
                self.problem(self.front.request(method, path, headers={"Content-Type": "text/plain"}, raw="hello"), 415, "unsupported_media_type")
                self.problem(self.front.request(method, path, {k: 7 for k in body}), 400, "invalid_field")
                self.problem(self.front.request(method, path, {}), 400, "invalid_field")
                self.assertIn(self.front.request(method, path, headers=typed, raw=json.dumps({"user": "x", "message": "y" * 200000})).status, (413, 400))

    def test_fields_out_of_bounds(self):
        for body in ({"user": "", "message": "hi"}, {"user": "u" * 500, "message": "hi"}, {"user": "a\nb", "message": "hi"},
                     {"user": "someone", "message": ""}, {"user": "someone", "message": " \n"}, {"user": "someone", "message": "m" * 40000},
                     {"user": "someone", "message": "hi", "conversation": "c" * 1000},
                     {"user": "someone", "message": "hi", "timezone": "../../etc/passwd"},
                     {"user": "someone", "message": "hi", "timezone": "Mars/Olympus"}):
            with self.subTest(body=str(body)[:60]):
                got = self.front.request("POST", "/v1/chat", body)
                self.assertIn(got.status, (400, 413), got)
                self.assertTrue(got.json["code"])

    def test_unknown_user(self):
        self.problem(self.front.request("POST", "/v1/chat", {"user": "nobody-here", "message": "hi"}), 404, "unknown_user")

    def test_headers_that_smuggle(self):
        body = b'{"user":"x","message":"y"}'
        for lines in (("Content-Type: application/json", f"Content-Length: {len(body)}", "Content-Length: 3"),
                      ("Content-Type: application/json", "Content-Length: +5"),
                      ("Content-Type: application/json", "Content-Length: 5", "Transfer-Encoding: chunked"),
                      ("Content-Type: application/json", "Transfer-Encoding: gzip, chunked")):
            with self.subTest(lines=lines):
                got = self.raw(self.head("POST", "/v1/chat", *lines) + body, wait=5)
                self.assertNotIn(b" 200 ", got.split(b"\r\n")[0])
        got = self.raw(f"GET {USER}/memory HTTP/1.1\r\nAuthorization: Bearer {self.front.key}\r\n\r\n".encode(), wait=5)
        self.assertIn(b" 400 ", got.split(b"\r\n")[0], "HTTP/1.1 without Host")
        got = self.raw(self.head("GET", "/" + "a" * 100000), wait=5)
        self.assertNotIn(b" 200 ", got.split(b"\r\n")[0] if got else b"")

    def test_slow_body_is_cut(self):
        began = time.monotonic()
        with socket.create_connection(("127.0.0.1", self.cluster.port), timeout=60) as s:
            s.sendall(self.head("POST", "/v1/chat", "Content-Type: application/json", "Content-Length: 1000"))
            got = b""
            s.settimeout(1)
            while time.monotonic() - began < 55:
                try:
                    s.sendall(b"x")
                    chunk = s.recv(4096)
                    if not chunk:
                        break
                    got += chunk
                except TimeoutError:
                    continue
                except OSError:
                    break
        self.assertLess(time.monotonic() - began, 50, "a byte a second does not hold a connection for ever")

    @unittest.skipIf(SANITIZED, "ASan's quarantine keeps freed memory")
    def test_memory_stays_flat(self):
        pid = self.cluster.programs()["cloister-gateway"]

        def rss():
            text = pathlib.Path(f"/proc/{pid}/statm").read_text().split()
            return int(text[1]) * 4

        def storm(n):
            for i in range(n):
                self.front.request("POST", "/v1/chat", headers={"Content-Type": "application/json"}, raw="{" + "x" * (i % 3000))
        storm(300)
        before = rss()
        storm(1000)
        self.assertLess(rss() - before, 2048, "KiB grown over a thousand bad requests")
        self.assertEqual(self.cluster.programs()["cloister-gateway"], pid)

    def test_stalled_reader_stops_nobody_else(self):
        slow, quick = self.person(), self.person()
        body = json.dumps({"user": slow, "message": "long answer 60000", "timezone": "Europe/Berlin"}).encode()
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            s.connect(("127.0.0.1", self.cluster.port))
            s.sendall(self.head("POST", "/v1/chat", "Content-Type: application/json", "Accept: text/event-stream", f"Content-Length: {len(body)}",
                                *(f"{k}: {v}" for k, v in self.front.grant_headers(slow).items())) + body)
            for _ in range(5):
                self.finished(self.front.stream(quick, "What do I have tomorrow?", timezone="Europe/Berlin"))

    def test_public_routes(self):
        for path in ("/connect/nonsense", "/connect/google/callback?state=x&code=y", "/connect/google/callback"):
            got = self.front.request("GET", path, headers={"Authorization": None})
            self.assertIn(got.status, (400, 403, 404, 410), (path, got.status))
            self.assertIn("Content-Security-Policy", got.headers)
        got = self.front.request("GET", "/connect/google/callback?error=%3Cscript%3Ealert(1)%3C/script%3E&state=%3Cb%3E", headers={"Authorization": None})
        self.assertNotIn("<script>alert", got.body)
        self.assertEqual(self.front.request("GET", "/nowhere").status, 404)
        self.assertEqual(self.front.request("GET", "/healthz", headers={"Authorization": None}).status, 200)
