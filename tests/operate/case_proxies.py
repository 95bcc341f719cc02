"""The examples for nginx and Caddy, behind their real programs: what must not be logged is not, streams are passed on at
once, and the gateway learns who connected. Behind the proxy stands an upstream that records and answers step by step."""

import http.server
import os
import pathlib
import re
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import unittest

from cluster import free_port, wait_until

DEPLOY = pathlib.Path(__file__).resolve().parents[2] / "deploy"
NAME = "calendar.example.org"
SECRETS = ("4/0codeFromGoogle", "stateOfTheBrowser", "goTokenOfALink", "grantOfSomebody", "codeForReturnTo")


class Upstream(http.server.BaseHTTPRequestHandler):
    """Plays the gateway's listener: a stream whose second event waits until the client has the first."""

    protocol_version = "HTTP/1.1"
    seen, go_on = [], threading.Event()

    def do_GET(self):
        self.seen.append((self.path, dict(self.headers)))
        self.send_response(200 if self.path.startswith("/v1/") else 302)
        self.send_header("Cloister-Grant", "grantOfSomebody")
        self.send_header("Connection", "close")
        if not self.path.startswith("/v1/"):
            self.send_header("Location", "https://shop.example/connected?code=codeForReturnTo")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.wfile.write(b"event: delta\ndata: {\"text\":\"one\"}\n\n")
        self.wfile.flush()
        self.go_on.wait(10)
        self.wfile.write(b"event: done\ndata: {}\n\n")
        return None

    def log_message(self, *args):
        pass


class Proxies(unittest.TestCase):
    name, nginx_example, caddy_example, upstream = NAME, "nginx/cloister.conf", "caddy/Caddyfile", r"127\.0\.0\.1:8420"
    away_paths = ("/connect/google/callback?code=4/0codeFromGoogle&state=stateOfTheBrowser", "/connect/goTokenOfALink")

    logged_nginx, logged_caddy, format_name = "GET /connect/google/callback HTTP/1.1", "/connect/...", "cloister"

    def plain_too(self):
        return (r"listen 80;", f"listen 127.0.0.1:{self.plain};"), (r"listen \[::\]:80;", "")

    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="cloister-proxy.", dir="/var/tmp"))
        os.chmod(self.dir, 0o755)
        self.addCleanup(shutil.rmtree, self.dir, True)
        self.port, self.plain = free_port(), free_port()
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                        "-subj", f"/CN={self.name}", "-addext", f"subjectAltName=DNS:{self.name}", "-keyout", self.dir / "key", "-out", self.dir / "cert"],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        Upstream.seen, Upstream.go_on = [], threading.Event()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)

    def changed(self, text, *pairs):
        for old, new in pairs:
            self.assertRegex(text, old)
            text = re.sub(old, lambda _, new=new: new, text)
        return text

    def run_until_ready(self, command, **env):
        with open(self.dir / "out", "ab") as out:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env={**os.environ, **env})
        def stop():
            process.terminate()
            process.wait(10)
        self.addCleanup(stop)
        def listens():
            self.assertIsNone(process.poll(), self.said())
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return True
            except OSError:
                return False
        wait_until(15, listens, "the proxy's listener")

    def said(self):
        return "".join(path.read_text(errors="replace") for path in [self.dir / "out", *self.dir.glob("*.log")])

    def nginx(self, *more):
        if shutil.which("nginx") is None:
            self.skipTest("nginx is not installed (package nginx-light)")
        d = str(self.dir)
        site = self.changed((DEPLOY / self.nginx_example).read_text(), (self.upstream, f"127.0.0.1:{self.server.server_port}"),
                            *self.plain_too(), (r"listen \[::\]:443 ssl http2;", ""),
                            (r"listen 443 ssl", f"listen 127.0.0.1:{self.port} ssl"), (r"/etc/ssl/cloister/fullchain.pem", d + "/cert"),
                            (r"/etc/ssl/cloister/privkey.pem", d + "/key"), (r"/var/log/nginx/", d + "/"), *more)
        places = "".join(f"{kind}_temp_path {d}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (self.dir / "nginx.conf").write_text(f"user www-data;\nworker_processes 1;\npid {d}/pid;\nerror_log {d}/start.log;\n"
                                             f"events {{}}\nhttp {{ {places}\n{site}\n}}\n")
        command = ["nginx", "-c", self.dir / "nginx.conf", "-e", self.dir / "start.log"]
        done = subprocess.run([*command, "-t"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=30)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertNotIn("warn", done.stdout)
        self.run_until_ready([*command, "-g", "daemon off;"])

    def caddy(self, *more):
        if shutil.which("caddy") is None:
            self.skipTest("caddy is not installed (package caddy)")
        env = {"HOME": str(self.dir), "XDG_DATA_HOME": str(self.dir / "data"), "XDG_CONFIG_HOME": str(self.dir / "config")}
        example = DEPLOY / self.caddy_example
        text = self.changed(example.read_text(), (self.upstream, f"127.0.0.1:{self.server.server_port}"),
                            (r"(?m)^\{$", "{\n\tadmin off\n\tauto_https disable_redirects\n"),
                            (rf"(?m)^{re.escape(self.name)} \{{", f"{self.name}:{self.port} {{\n\ttls {self.dir}/cert {self.dir}/key"), *more)
        (self.dir / "Caddyfile").write_text(text)
        for file in (example, self.dir / "Caddyfile"):
            done = subprocess.run(["caddy", "validate", "--adapter", "caddyfile", "--config", file], env={**os.environ, **env},
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
            self.assertEqual(done.returncode, 0, done.stdout)
        self.run_until_ready(["caddy", "run", "--adapter", "caddyfile", "--config", self.dir / "Caddyfile"], **env)

    # -- what is asked --
    def ask(self, path, **headers):
        """Opens a connection by TLS and asks; the socket to read from."""
        context = ssl.create_default_context(cafile=str(self.dir / "cert"))
        plain = socket.create_connection(("127.0.0.1", self.port), 10)
        tls = context.wrap_socket(plain, server_hostname=self.name)
        self.addCleanup(tls.close)
        lines = [f"GET {path} HTTP/1.1", f"Host: {self.name}", "Connection: close", *(f"{k.replace('_', '-')}: {v}" for k, v in headers.items())]
        tls.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        return tls

    def answer(self, path, **headers):
        with self.ask(path, **headers) as tls:
            got = b""
            while piece := tls.recv(65536):
                got += piece
        return got.decode()

    def browse(self):
        self.assertIn("302", self.answer("/connect/google/callback?code=4/0codeFromGoogle&state=stateOfTheBrowser",
                                         Referer=f"https://{self.name}/connect/goTokenOfALink").splitlines()[0])
        self.answer("/connect/goTokenOfALink", Cloister_Grant="grantOfSomebody")
        self.answer("/docs?q=stateOfTheBrowser", Cloister_Grant="grantOfSomebody")

    def found(self):
        return [secret for secret in SECRETS if secret in self.said()]

    def away(self):
        """The same while nobody answers behind the proxy: errors are logged in other words, by other code."""
        self.server.shutdown()
        self.server.server_close()
        for path in self.away_paths:
            self.assertIn("502", self.answer(path, Cloister_Grant="grantOfSomebody").splitlines()[0])

    def keeps_quiet(self, logged):
        self.browse()
        wait_until(5, lambda: logged in self.said(), "a line in the log")
        self.away()
        self.assertEqual(self.found(), [])
        asked = [path for path, _ in Upstream.seen]
        self.assertIn(self.away_paths[0], asked)  # it did arrive whole

    def passes_on(self):
        with self.ask("/v1/stream", X_Forwarded_For="203.0.113.9", Authorization="Bearer key") as tls:
            got = b""
            while b"\"one\"" not in got:
                piece = tls.recv(65536)  # ends with a timeout when the proxy keeps the first event back
                self.assertNotEqual(piece, b"", got)
                got += piece
            self.assertNotIn(b"event: done", got)
            Upstream.go_on.set()
            while piece := tls.recv(65536):
                got += piece
        self.assertIn(b"event: done", got)
        headers = {name.lower(): value for name, value in Upstream.seen[-1][1].items()}
        self.assertEqual(headers["x-forwarded-for"], "127.0.0.1")  # what the client said of itself is gone
        self.assertEqual((headers["host"], headers["authorization"]), (self.name, "Bearer key"))

    # -- nginx --
    def test_nginx_keeps_secrets_out_of_its_logs(self):
        self.nginx()
        self.keeps_quiet(self.logged_nginx)

    def test_nginx_control_its_own_format_logs_them(self):
        self.nginx((rf"access\.log {self.format_name};", "access.log combined;"))
        self.browse()
        wait_until(5, lambda: SECRETS[0] in self.said(), "the code in the log")

    def test_nginx_control_its_error_log_has_them(self):
        self.nginx((r"error_log /dev/null emerg;", ""))
        self.away()
        wait_until(5, lambda: SECRETS[0] in self.said(), "the code in the error log")

    def test_nginx_passes_events_on(self):
        self.nginx()
        self.passes_on()

    def test_nginx_control_buffers(self):
        self.nginx((r"proxy_buffering off;", "proxy_buffering on;"))
        with self.ask("/v1/stream") as tls:
            tls.settimeout(1)
            with self.assertRaises(TimeoutError):
                while b"\"one\"" not in tls.recv(65536):
                    pass
            Upstream.go_on.set()

    # -- Caddy --
    def test_caddy_keeps_secrets_out_of_its_logs(self):
        self.caddy()
        self.keeps_quiet(self.logged_caddy)

    def test_caddy_control_its_own_format_logs_them(self):
        self.caddy((r"request>uri regexp .*", ""))
        self.browse()
        wait_until(5, lambda: SECRETS[0] in self.said(), "the code in the log")

    def test_caddy_passes_events_on(self):
        self.caddy()
        self.passes_on()


class PublicProxies(Proxies):
    """The other name, in front of the public gateway: what must not be logged are the secrets of bookings' links."""

    name, nginx_example, caddy_example = "book.example.org", "nginx/cloister-public.conf", "caddy/Caddyfile.public"
    upstream, format_name = r"127\.0\.0\.1:8421", "cloister_public"
    away_paths = (f"/bookings/B-1?secret={SECRETS[0]}", f"/v1/inquiries/I-1?secret={SECRETS[1]}")
    logged_nginx, logged_caddy = "GET /bookings/B-1 HTTP/1.1", "/bookings/B-1?..."

    def plain_too(self):
        return ()

    def browse(self):
        self.assertIn("302", self.answer(self.away_paths[0], Referer=f"https://{self.name}{self.away_paths[0]}").splitlines()[0])
        self.answer(f"/inquiries/I-1?secret={SECRETS[1]}", Cloister_Booking=SECRETS[2])


if __name__ == "__main__":
    unittest.main()
