"""Q12: what happened is told, by mail and by webhook, once in effect whatever fails in between; and nobody's words open a
header, reach a log or stay in the database."""

import base64
import email
import email.policy
import hashlib
import hmac
import http.server
import json
import os
import pathlib
import re
import shutil
import signal
import ssl
import subprocess
import tempfile
import threading
import unittest
import uuid

from base import Case
from case_metrics import UnixConnection
from cluster import TOP, Cluster, free_port, wait_until
from front_door import Public, at, profile, text

HERE = pathlib.Path(__file__).resolve().parent
KEY = bytes(range(32))
PASSWORD = "a-password-that-nobody-logs"
ICS = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//test//EN\r\nMETHOD:PUBLISH\r\nBEGIN:VEVENT\r\nUID:x@y\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"


def certificate(folder, name, ca=None):
    """An authority, or a certificate for localhost by one."""
    def openssl(*words):
        subprocess.run(["openssl", *words], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    key, cert = folder / f"{name}.key", folder / f"{name}.pem"
    if ca is None:
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "2", "-subj", f"/CN={name}")
    else:
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", folder / "request", "-subj", "/CN=localhost")
        (folder / "names").write_text("subjectAltName=DNS:localhost")
        openssl("x509", "-req", "-in", folder / "request", "-CA", ca[0], "-CAkey", ca[1], "-CAcreateserial", "-out", cert, "-days", "2",
                "-extfile", folder / "names")
    return cert, key


class Receiver:
    """The chat frontend's end of the webhook, https. `answers` are statuses to give first to references that begin with `whose`, then 204."""

    def __init__(self, cert, key):
        self.got, self.answers, self.whose, self.headers = [], [], "", {}
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                mine = json.loads(body)["reference"].startswith(outer.whose)
                status = outer.answers.pop(0) if mine and outer.answers else 204
                outer.got.append((status, dict(self.headers), body))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(cert, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def about(self, reference):
        return [(s, h, b) for s, h, b in self.got if json.loads(b)["reference"] == reference]


class Notify(Case):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="cloister-notify.", dir="/var/tmp"))
        os.chmod(cls.folder, 0o755)
        cls.addClassCleanup(shutil.rmtree, cls.folder, True)
        ca = certificate(cls.folder, "authority")
        cls.cert = certificate(cls.folder, "server", ca)
        cls.stranger = certificate(cls.folder, "stranger", certificate(cls.folder, "other"))
        cls.mail_port, cls.mails = free_port(), cls.folder / "mails"
        cls.server = None
        cls.start_mail(cls.cert)
        cls.addClassCleanup(lambda: cls.stop_mail())
        cls.hook, cls.own = Receiver(*cls.cert), Receiver(*cls.cert)
        for name, text in (("password", PASSWORD), ("secret", "whsec_" + base64.b64encode(KEY).decode())):
            (cls.folder / name).write_text(text + "\n")
            shutil.chown(cls.folder / name, "cloister-notify")
            os.chmod(cls.folder / name, 0o400)
        cls.cluster = Cluster(extra=f"""allow=localhost:{cls.mail_port} localhost:{cls.hook.port} localhost:{cls.own.port}
[notify]
smtp_url=smtp://localhost:{cls.mail_port}
smtp_user=cloister
smtp_password_file={cls.folder}/password
mail_from=Bookings at Café <bookings@calendar.example>
webhook_url=https://localhost:{cls.hook.port}/told
webhook_secret_file={cls.folder}/secret
owner_webhook_hosts=localhost:{cls.own.port}
ca_file={ca[0]}
timeout_ms=1500
retry_ms=100
tries=5
""")
        cls.front, cls.admin = cls.cluster.front, cls.cluster.admin
        wait_until(20, lambda: cls.sql("SELECT to_regclass('business.outbox') IS NOT NULL") == [["t"]], "the outbox")

    @classmethod
    def start_mail(cls, cert):
        cls.server = subprocess.Popen(["/usr/bin/python3", HERE / "mail_stand_in.py", str(cls.mail_port), *cert, cls.mails, "cloister",
                                       PASSWORD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert cls.server.stdout.readline() == b"ready\n"

    @classmethod
    def stop_mail(cls):
        cls.server.kill()
        cls.server.wait()
        cls.server.stdin.close()
        cls.server.stdout.close()

    @classmethod
    def sql(cls, text, role="cloister-postgres"):
        bins = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))[-1]
        done = subprocess.run(["setpriv", "--reuid", role, "--regid", role, "--clear-groups", "env", "-C", "/", bins / "psql", "-h",
                               cls.cluster.dir / "sockets", "-d", "cloister", "-U", role, "-qAtX", "-v", "ON_ERROR_STOP=1", "-c", text],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=30, check=False)
        if done.returncode != 0:
            raise PermissionError(done.stderr.decode())
        return [line.split("|") for line in done.stdout.decode().splitlines()]

    def begin(self):
        """Of the references of this test."""
        return "R" + self.id().rsplit(".", 1)[1][-20:]

    def write(self, to, kind="booking_confirmed", to_kind="customer", **more):
        """A row as cloister-business writes it; its reference."""
        self.number = getattr(self, "number", 0) + 1
        reference = f"{self.begin()}-{self.number}"
        payload = {"to": to, "business_name": "Salon Näh & Schön", "service": "Haircut", "start": "2026-11-24T14:00:00+01:00",
                   "end": "2026-11-24T14:30:00+01:00", "timezone": "Europe/Berlin", "link": "https://pages.example/bookings/x?secret=s3cret",
                   **more}
        text = json.dumps({k: v for k, v in payload.items() if v is not None}).replace("'", "''")
        self.sql(f"INSERT INTO business.outbox (kind, to_kind, business, reference, payload) VALUES "
                 f"('{kind}', '{to_kind}', 'salon', '{reference}', '{text}')")
        return reference

    def row(self, reference):
        return self.sql("SELECT done_at IS NOT NULL, dead_at IS NOT NULL, attempts, payload FROM business.outbox "
                        f"WHERE reference = '{reference}'")[0]

    def over(self, reference, seconds=20):
        return wait_until(seconds, lambda: (lambda row: row if "t" in row[:2] else None)(self.row(reference)), f"an end of {reference}")

    def sent(self, to):
        """The mails that the server has taken for somebody, parsed."""
        lines = self.mails.read_text().splitlines() if self.mails.exists() else []
        return [email.message_from_string(m["text"], policy=email.policy.default) for m in map(json.loads, lines) if m["to"] == [to]]

    # -- what is told --
    def test_a_mail_with_its_calendar_file(self):
        reference = self.write("ada@customer.example", ics=ICS)
        done, dead, attempts, payload = self.over(reference)
        self.assertEqual((done, dead, attempts, payload), ("t", "f", "1", "{}"))
        mail, = self.sent("ada@customer.example")
        self.assertEqual(str(mail["Subject"]), "Booked: Haircut at Salon Näh & Schön")
        self.assertEqual(str(mail["From"]), "Bookings at Café <bookings@calendar.example>")
        self.assertEqual(mail["Auto-Submitted"], "auto-generated")
        self.assertRegex(mail["Message-ID"], r"^<[0-9a-f]{32}@calendar\.example>$")
        text, ics = mail.iter_parts()
        words = text.get_content()
        self.assertIn("Tuesday, 24 November 2026, 14:00 to 14:30 (Europe/Berlin)", words)
        self.assertIn("https://pages.example/bookings/x?secret=s3cret", words)
        self.assertNotIn("{{", words)
        self.assertNotIn("Only to cancel it", words.split("https://")[0])
        self.assertEqual((ics.get_content_type(), ics.get_filename(), ics.get_param("method")), ("text/calendar", "booking.ics", "PUBLISH"))
        self.assertEqual(ics.get_content().replace("\n", "\r\n").replace("\r\r", "\r"), ICS)

    def test_every_kind_has_its_words(self):
        kinds = [(k, w) for k in ("booking_confirmed", "booking_moved", "booking_cancelled") for w in ("customer", "owner")]
        kinds += [("inquiry_new", "owner"), ("inquiry_new", "customer"), ("inquiry_answered", "customer"), ("calendar_trouble", "owner")]
        subjects = set()
        for kind, who in kinds:
            to = f"{kind}.{who}@x.example"
            reference = self.write(to, kind, who, was_start="2026-11-23T09:00:00+01:00", customer_name="Ada", customer_email="ada@c.example",
                                   customer_phone="030 99", note="Knock", address="Backyard", message="One\nTwo", answer="Yes",
                                   answered_by="agent", reason="Because", ics=ICS)
            self.assertEqual(self.over(reference)[0], "t", kind)
            mail, = self.sent(to)
            subjects.add((str(mail["Subject"]), who))
            self.assertEqual(mail["Reply-To"], "ada@c.example" if who == "owner" else None, kind)
            body = mail.get_body().get_content()
            if who == "customer":  # nobody can have us mail their words to somebody else
                self.assertNotRegex(self.whole(mail), "Ada|ada@c|030 99|Knock|Backyard|One|Two|Yes", kind)
        self.assertEqual(len(subjects), len(kinds))
        self.assertIn("    > One\r\n    > Two\r\n", self.sent("inquiry_new.owner@x.example")[0].get_body().get_content())

    def test_nobodys_words_open_a_header(self):
        evil = "X\r\nBcc: victim@x.example\r\n\r\nBody\u2028Bcc: v\u202egnp"
        reference = self.write("owner@x.example", "booking_cancelled", "owner", service=evil, business_name=evil, customer_name=evil,
                               customer_email="a@b.example\r\nBcc: victim@x.example")
        self.assertEqual(self.over(reference)[0], "t")
        mail, = self.sent("owner@x.example")
        self.assertEqual([h for h in mail.keys() if h.lower() in ("bcc", "cc")], [])
        self.assertIsNone(mail["Reply-To"])
        self.assertIn("Bcc: victim", str(mail["Subject"]))  # the control: it was there, as words
        for bad in ("a@b\r\nRCPT TO:<c@d>", "a b@c.example", "<a@c.example>", "a@c.example,b@c.example", "a@", "@c.example", "a@c..example"):
            done, dead, _, payload = self.over(self.write(bad))
            self.assertEqual((done, dead, json.loads(payload)), ("f", "t", {"given_up": "the address cannot be used"}), bad)

    def test_the_webhook_is_signed(self):
        reference = self.write(None, "inquiry_new", "owner", message="Hello")
        self.assertEqual(self.over(reference)[:2], ["t", "f"])
        (_, headers, body), = self.hook.about(reference)
        told = json.loads(body)
        self.assertEqual((told["type"], told["to"], told["business"], told["data"]["message"]), ("inquiry_new", "owner", "salon", "Hello"))
        self.assertSigned(headers, body, KEY)

    def assertSigned(self, headers, body, key):
        headers = {k.lower(): v for k, v in headers.items()}
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        right = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        self.assertEqual(headers["webhook-signature"], right)
        self.assertRegex(headers["webhook-id"], "^msg_[0-9a-f]{32}$")

    # -- what an owner chooses --
    def owner(self):
        """A business of somebody's, and how they ask for its notifications."""
        user, slug = self.person(), "n-" + uuid.uuid4().hex[:12]
        put = self.front.request("PUT", f"/v1/businesses/{slug}?user={user}", {"profile": profile(), "publish": True},
                                 self.front.grant_headers(user))
        self.assertEqual(put.status, 200, put)

        def ask(method, body=None):
            return self.front.request(method, f"/v1/businesses/{slug}/notifications?user={user}", body, self.front.grant_headers(user))
        return slug, ask

    def inquire(self, slug, message):
        made = Public(self.cluster.public_port).request("POST", "/v1/inquiries", {
            "business": slug, "message": message, "customer": {"name": "Bob", "email": "bob@customer.example"}},
            {"Idempotency-Key": uuid.uuid4().hex})
        self.assertEqual(made.status, 201, made)
        reference = made.json["reference"]
        wait_until(20, lambda: self.sql("SELECT count(*) FROM business.outbox WHERE done_at IS NULL AND dead_at IS NULL AND "
                                        f"reference = '{reference}'") == [["0"]], f"an end of {reference}")
        return reference

    def test_an_owner_is_told_where_they_chose(self):
        slug, ask = self.owner()
        self.assertEqual(ask("GET").json["webhook_hosts"], [f"localhost:{self.own.port}"])
        self.assertEqual(len(self.hook.about(self.inquire(slug, "Before"))), 1)  # the operator's webhook, as ever
        self.assertEqual(self.own.got, [])
        refused = ask("PUT", {"webhook_url": f"https://localhost:{self.hook.port}/told"})
        self.assertEqual((refused.status, refused.code), (400, "invalid_argument"), refused)
        chosen = ask("PUT", {"emails": ["anna@salon.example", "ben@salon.example"], "kinds": ["inquiry_new"],
                             "webhook_url": f"https://localhost:{self.own.port}/mine?x=1"})
        self.assertEqual(chosen.status, 200, chosen)
        self.own.answers = [503]  # it comes again, and the rest does not for its sake
        reference = self.inquire(slug, "Do you do beards?")
        for address in ("anna@salon.example", "ben@salon.example"):
            mail, = self.sent(address)
            self.assertIn("Do you do beards?", mail.get_body().get_content())
            self.assertEqual(mail["Reply-To"], "bob@customer.example")
        self.assertEqual(len(self.hook.about(reference)), 1)
        tries = self.own.about(reference)
        self.assertEqual([s for s, _, _ in tries], [503, 204])
        key = base64.b64decode(chosen.json["webhook_secret"].removeprefix("whsec_"))
        for _, headers, body in tries:
            self.assertSigned(headers, body, key)
        told = json.loads(tries[1][2])
        self.assertEqual((told["type"], told["data"]["message"]), ("inquiry_new", "Do you do beards?"))
        everything = tries[1][2] + self.hook.about(reference)[0][2]
        self.assertNotIn(chosen.json["webhook_secret"].encode(), everything)
        # Of nothing else, and of nothing at all any more:
        ask("PUT", {"kinds": ["booking_confirmed"]})
        self.assertEqual(self.own.about(self.inquire(slug, "And this?")), [])
        self.assertEqual(len(self.sent("anna@salon.example")), 1)

    def test_a_link_is_sealed_while_it_waits(self):
        """Whoever has the database alone opens no booking with it; the mail has the link all the same."""
        slug, _ = self.owner()
        public = Public(self.cluster.public_port)
        free = public.request("GET", f"/v1/businesses/{slug}/availability?service=cut&limit=1").json["slots"][0]["start"]
        notify = self.cluster.programs()["cloister-notify"]
        os.kill(notify, signal.SIGSTOP)
        try:
            made = public.request("POST", "/v1/bookings", {"business": slug, "service": "cut", "start": free, "customer": {
                "name": "Bob", "email": "sealed@customer.example"}}, {"Idempotency-Key": uuid.uuid4().hex})
            self.assertEqual(made.status, 201, made)
            waiting, = self.sql("SELECT payload FROM business.outbox WHERE to_kind = 'customer' AND done_at IS NULL AND "
                                f"reference = '{made.json['reference']}'")
        finally:
            os.kill(notify, signal.SIGCONT)
        payload = json.loads(waiting[0])
        self.assertEqual(payload["to"], "sealed@customer.example")
        self.assertEqual(payload.keys() & {"link", "cancel_link", "ics"}, set())
        cancel = re.search("secret=(.*)", made.json["cancel_url"])[1]
        for secret in (made.json["secret"], cancel, "secret="):
            self.assertNotIn(secret, waiting[0])
        mail, = wait_until(20, lambda: self.sent("sealed@customer.example"), "the mail")
        text, ics = mail.iter_parts()
        self.assertIn(made.json["manage_url"], text.get_content())
        self.assertIn(made.json["cancel_url"], text.get_content())
        self.assertIn(made.json["secret"], re.sub("\r?\n ", "", ics.get_payload(decode=True).decode()))
        self.assertEqual(public.booking("GET", made.json).status, 200)

    def test_what_is_sealed_for_another_is_given_up(self):
        """A row with another's sealed part: neither its link nor any other goes out."""
        slug, _ = self.owner()
        public = Public(self.cluster.public_port)
        notify = self.cluster.programs()["cloister-notify"]
        os.kill(notify, signal.SIGSTOP)
        try:
            free = public.request("GET", f"/v1/businesses/{slug}/availability?service=cut&limit=1").json["slots"][0]["start"]
            made = public.request("POST", "/v1/bookings", {"business": slug, "service": "cut", "start": free, "customer": {
                "name": "Bob", "email": "theirs@customer.example"}}, {"Idempotency-Key": uuid.uuid4().hex})
            (waiting,), = self.sql(f"SELECT payload->>'sealed' FROM business.outbox WHERE to_kind = 'customer' AND reference = '{made.json['reference']}'")
            reference = self.write("thief@x.example", link=None, sealed=waiting)
        finally:
            os.kill(notify, signal.SIGCONT)
        done, dead, _, payload = self.over(reference)
        self.assertEqual((done, dead, json.loads(payload)), ("f", "t", {"given_up": "cannot be read"}))
        wait_until(20, lambda: self.sent("theirs@customer.example"), "the control: the other's own mail")
        self.assertEqual(self.sent("thief@x.example"), [])

    def whole(self, mail):
        """All that a mail says, decoded and unfolded: its headers, its words, its attachments."""
        said = [f"{name}: {value}" for part in mail.walk() for name, value in part.items()]
        said += [part.get_payload(decode=True).decode() for part in mail.walk() if not part.is_multipart()]
        return re.sub("\r?\n[ \t]", "", "\n".join(said))

    def found(self, to, subject):
        found = wait_until(20, lambda: [m for m in self.sent(to) if str(m["Subject"]).startswith(subject)], f"{subject} to {to}")
        return self.whole(found[0])

    def test_nobody_has_us_mail_their_words_to_a_stranger(self):
        """Whose address it is need not be who books and asks: no mail to it says what they wrote, of whatever it tells."""
        user, slug = self.person(), "n-" + uuid.uuid4().hex[:12]
        shop = profile(features={"booking": True, "inquiries": True, "chat": True, "agent_answers": True})
        put = self.front.request("PUT", f"/v1/businesses/{slug}?user={user}", {"profile": shop, "publish": True},
                                 self.front.grant_headers(user))
        self.assertEqual(put.status, 200, put)
        public, victim, evil = Public(self.cluster.public_port), "victim@stranger.example", "zqevil https://evil.example/pay"
        customer = {"name": evil, "email": victim, "phone": "0301234567"}

        def booked(day):
            made = public.request("POST", "/v1/bookings", {
                "business": slug, "service": "cut", "start": text(at(day, 10)), "customer": customer, "note": evil, "address": evil,
                "language": "en-zqevil", "timezone": "Europe/Paris"}, {"Idempotency-Key": uuid.uuid4().hex})
            self.assertEqual(made.status, 201, made)
            return made.json

        def inquired(message):
            made = public.request("POST", "/v1/inquiries", {"business": slug, "message": message, "customer": customer},
                                  {"Idempotency-Key": uuid.uuid4().hex})
            self.assertEqual(made.status, 201, made)
            return made.json
        first, second = booked(3), booked(4)
        self.assertIn("zqevil", public.booking("GET", first, "/calendar.ics").body, "the control: behind the link the address is kept")
        self.assertEqual(public.booking("POST", first, "/reschedule", {"start": text(at(3, 12))}).status, 200)
        self.assertEqual(public.booking("POST", first, "/cancel", {"reason": evil}).status, 200)
        self.assertEqual(self.front.user("POST", user, f"bookings/{second['reference']}/reschedule", {"start": text(at(4, 12))}).status, 200)
        self.admin.call("POST", "/obey", {"on": True})
        try:
            led = inquired("Please. OBEY" + json.dumps([evil]))
        finally:
            self.admin.call("POST", "/obey", {})
        self.assertIn("zqevil", led.get("answer", ""), "the control: the agent says what it is led to")
        for kind, part in (("Booked: ", "SUMMARY:"), ("Moved: ", "SUMMARY:"), ("Cancelled: ", "METHOD:CANCEL"),
                           ("Salon Anna has answered", f"/inquiries/{led['reference']}")):
            self.assertIn(part, self.found(victim, kind), "the control: attachments are looked at, too")
        told = self.sql("SELECT count(*) FROM business.outbox WHERE to_kind = 'customer' AND reference IN "
                        f"('{first['reference']}', '{second['reference']}', '{led['reference']}')")
        wait_until(20, lambda: len(self.sent(victim)) == int(told[0][0]), "all of them")
        self.assertEqual(told, [["6"]])
        for mail in self.sent(victim):
            self.assertNotRegex(self.whole(mail), "zqevil|evil\\.example|0301234567", str(mail["Subject"]))
        # The control: what the owner writes arrives.
        gone = self.front.user("POST", user, f"bookings/{second['reference']}/cancel", {"reason": "Water damage"})
        self.assertEqual((gone.status, gone.json["told"]), (200, True), gone)
        answer = self.front.user("POST", user, f"inquiries/{led['reference']}/answer", {"text": "Gladly, on Tuesday"})
        self.assertEqual(answer.status, 200, answer)
        wait_until(20, lambda: len(self.sent(victim)) == 8, "the owner's two")
        words = "".join(map(self.whole, self.sent(victim)))
        self.assertIn("Because:    Water damage", words)
        self.assertIn("Answer:     Gladly, on Tuesday", words)
        self.assertNotIn("zqevil", words)

    def test_a_host_that_is_not_listed_any_more(self):
        slug, ask = self.owner()
        self.assertEqual(ask("PUT", {"webhook_url": f"https://localhost:{self.own.port}/"}).status, 200)
        self.sql(f"UPDATE business.notifications SET webhook_url = 'https://localhost:{self.mail_port}/' WHERE business = "
                 f"(SELECT id FROM business.businesses WHERE slug = '{slug}')")
        reference = self.inquire(slug, "Hello")
        self.assertEqual(json.loads(self.row(reference)[3]), {"given_up": "the operator does not list the webhook's host"})

    # -- what fails --
    def test_come_again(self):
        reference = self.write("again-2-x@x.example")
        self.assertEqual(self.over(reference)[:3], ["t", "f", "3"])
        self.assertEqual(len(self.sent("again-2-x@x.example")), 1)
        self.assertEqual(len(self.hook.about(reference)), 1, "what went by one way does not go again for the other's sake")

    def test_never(self):
        reference = self.write("never-x@x.example")
        done, dead, attempts, payload = self.over(reference)
        self.assertEqual((done, dead, attempts, json.loads(payload)), ("f", "t", "1", {"given_up": "the mail server answered 550"}))
        wait_until(5, lambda: "is given up after 1 tries: the mail server answered 550" in self.cluster.log(), "a line in the log")
        self.assertEqual(len(self.hook.about(reference)), 1)

    def test_a_webhook_that_fails(self):
        self.hook.whose, self.hook.answers = self.begin(), [500, 429, 302]
        reference = self.write(None)
        self.assertEqual(self.over(reference)[:3], ["t", "f", "4"])
        tries = self.hook.about(reference)
        self.assertEqual([s for s, _, _ in tries], [500, 429, 302, 204])
        self.assertEqual(len({(h["webhook-id"], b) for _, h, b in tries}), 1, "each try is the same message")
        self.hook.answers = [500] * 5
        done, dead, attempts, payload = self.over(self.write(None))
        self.assertEqual((done, dead, attempts, json.loads(payload)), ("f", "t", "5", {"given_up": "the webhook answered 500"}))

    def test_a_slow_server_holds_up_nobody_else(self):
        slow = self.write("slow-9-x@x.example")
        quick = self.write("quick@x.example")
        self.assertEqual(self.over(quick)[0], "t")
        self.assertEqual(self.row(slow)[:2], ["f", "f"], "it is still being waited for")
        done, dead, _, payload = self.over(slow, 40)
        self.assertEqual((done, dead), ("f", "t"))
        self.assertIn("Timeout", payload)
        self.assertEqual(len({m["Message-ID"] for m in self.sent("slow-9-x@x.example")}), 1)

    def test_taken_but_never_answered(self):
        self.assertEqual(self.over(self.write("drop-x@x.example"))[:3], ["t", "f", "2"])
        first, second = self.sent("drop-x@x.example")
        self.assertEqual(first["Message-ID"], second["Message-ID"])
        self.assertEqual(first["Date"], second["Date"])

    def test_a_clock_that_was_ahead(self):
        """What was put off by a wrong time is not put off until that time comes; what waits its hour does."""
        self.sql("INSERT INTO business.outbox (kind, to_kind, business, reference, payload, next_at) SELECT 'booking_confirmed', 'customer', 'salon', "
                 f"'{self.begin()}-' || name, jsonb_build_object('to', name || '-ahead@x.example'), now() + put_off FROM (VALUES "
                 "('years', interval '3 years'), ('hour', interval '1 hour')) AS row (name, put_off)")
        self.assertEqual(self.over(f"{self.begin()}-years")[:3], ["t", "f", "1"])
        self.assertEqual(self.row(f"{self.begin()}-hour")[:3], ["f", "f", "0"])
        self.sql(f"DELETE FROM business.outbox WHERE reference = '{self.begin()}-hour'")

    def test_killed_between_sending_and_marking(self):
        reference = self.write("slow-1-kill@x.example")
        wait_until(10, lambda: self.sent("slow-1-kill@x.example"), "the first mail")
        old = self.cluster.programs()["cloister-notify"]
        os.kill(old, signal.SIGKILL)
        self.assertEqual(self.row(reference)[0], "f", "not marked: the control")
        self.assertEqual(self.over(reference, 30)[:3], ["t", "f", "2"])
        mails = self.sent("slow-1-kill@x.example")
        self.assertEqual((len(mails), len({m["Message-ID"] for m in mails})), (2, 1), "one in effect")

    def test_tls_that_is_not_the_servers(self):
        self.stop_mail()
        self.start_mail(self.stranger)
        try:
            reference = self.write("private@x.example")
            wait_until(10, lambda: int(self.row(reference)[2]) >= 2, "two tries")
        finally:
            self.stop_mail()
            self.start_mail(self.cert)
        self.assertEqual(self.over(reference)[0], "t")  # once it is the right one again
        self.assertEqual(len(self.sent("private@x.example")), 1)

    # -- what operators see --
    def numbers(self):
        conn = UnixConnection(self.cluster.run / "operator/gateway-owner.sock")
        conn.request("GET", "/metrics")
        text = conn.getresponse().read().decode()
        conn.close()
        return {name: float(value) for name, value in re.findall(r"^cloister_(\S*noti\S*) (\S+)$", text, re.M)}

    def status(self):
        code, out, err = self.cluster.ctl("status", "--json")
        self.assertEqual(code, 0, err)
        return json.loads(out)

    def test_operators_see_what_arrives_and_what_does_not(self):
        before = self.numbers()
        for to in ("again-2-seen@x.example", "never-seen@x.example"):
            self.over(self.write(to, "booking_moved", was_start="2026-11-23T09:00:00+01:00"))
        after = self.numbers()
        moved = {name: after[name] - before.get(name, 0) for name in after}
        self.assertEqual(moved['notices_sent_total{kind="booking_moved",way="mail"}'], 1)
        self.assertEqual(moved['notices_failed_total{kind="booking_moved",way="mail"}'], 3)
        self.assertEqual(moved['notices_sent_total{kind="booking_moved",way="webhook"}'], 2)
        self.assertEqual(moved['notices_given_up_total{kind="booking_moved"}'], 1)
        self.assertEqual(moved['notices_sent_total{kind="inquiry_new",way="mail"}'], 0, "the control: others stay")
        self.assertEqual((after["notify_database_up"], after['program_up{program="cloister-notify"}']), (1, 1))

    def test_operators_see_what_waits(self):
        self.sql("INSERT INTO business.outbox (kind, to_kind, business, reference, payload, created_at, next_at) VALUES ('inquiry_new', 'owner', "
                 "'salon', 'WAITS', '{}', now() - interval '1 hour', now() + interval '1 hour')")
        waits = wait_until(30, lambda: (lambda n: n if n["notices_waiting"] > 0 and n["notices_oldest_seconds"] > 3500 else None)(self.numbers()),
                           "the row that waits")
        self.assertLess(waits["notices_oldest_seconds"], 4000)
        told = self.status()["business"]
        self.assertEqual((told["connected"], told["database"], told["notices"]["database"]), (True, True, True))
        self.assertGreaterEqual(told["notices"]["waiting"], 1)
        self.assertGreater(told["notices"]["oldest_ms"], 3500000)
        code, out, _ = self.cluster.ctl("status")
        self.assertEqual(code, 0)
        self.assertRegex(out, r"(?s)business.*notices.*waiting")
        self.sql("DELETE FROM business.outbox WHERE reference = 'WAITS'")
        wait_until(30, lambda: self.numbers()["notices_oldest_seconds"] < 3000, "nothing that waits so long")

    def test_operators_see_who_is_connected(self):
        self.assertTrue(self.status()["gateway_public"]["connected"])
        launcher = self.cluster.launcher_pid()
        os.kill(launcher, signal.SIGSTOP)  # nothing is started again meanwhile
        try:
            for program in ("cloister-business", "cloister-notify", "cloister-gateway-public"):
                os.kill(self.cluster.programs()[program], signal.SIGKILL)
            gone = wait_until(10, lambda: (lambda s: s if not s["business"]["connected"] and not s["gateway_public"]["connected"] else None)(
                self.status()), "they are seen to be gone")
            self.assertIsNone(gone["business"]["notices"])
            self.assertTrue(gone["gateway"]["connected"], "the control: the owners' gateway stays")
        finally:
            os.kill(launcher, signal.SIGCONT)
        wait_until(20, lambda: (lambda s: s["business"]["connected"] and s["gateway_public"]["connected"] and s["business"]["notices"])(
            self.status()), "all is back")

    # -- what it may --
    def test_its_role_sees_the_outbox_alone(self):
        self.assertTrue(self.sql("SELECT count(*) FROM business.outbox", "cloister-notify"))  # the control
        for statement in ("SELECT * FROM business.businesses", "SELECT * FROM cloister.users", "DELETE FROM business.outbox",
                          "INSERT INTO business.outbox (kind, to_kind, business, reference, payload) VALUES ('inquiry_new','owner','','','{}')",
                          "CREATE TABLE business.mine (x int)"):
            with self.assertRaisesRegex(PermissionError, "permission denied", msg=statement):
                self.sql(statement, "cloister-notify")

    def test_zz_nothing_of_it_is_in_the_log(self):
        log = self.cluster.log()
        for secret in (PASSWORD, "s3cret", "customer.example", "x.example", "Haircut", base64.b64encode(KEY).decode()):
            self.assertNotIn(secret, log)
        self.assertIn("delivered by mail", log)  # the control: it says something
        self.assertEqual(self.sql("SELECT count(*) FROM business.outbox WHERE (done_at IS NOT NULL OR dead_at IS NOT NULL) "
                                  "AND payload::text LIKE '%Haircut%'"), [["0"]])


class NotConfigured(Case):
    def test_it_is_said_once(self):
        sql = lambda text: Notify.__dict__["sql"].__func__(type(self), text)
        wait_until(20, lambda: sql("SELECT to_regclass('business.outbox') IS NOT NULL") == [["t"]], "the outbox")
        for number in range(3):
            sql("INSERT INTO business.outbox (kind, to_kind, business, reference, payload) VALUES "
                f"('booking_confirmed', 'customer', 'salon', 'R{number}', '{{\"to\":\"a@b.example\"}}')")
        wait_until(10, lambda: sql("SELECT count(*) FROM business.outbox WHERE dead_at IS NOT NULL AND "
                                   "payload->>'given_up' = 'not configured'") == [["3"]], "marks")
        self.assertEqual(self.cluster.log().count("no mail is sent"), 1)


class Patience(unittest.TestCase):
    def test_a_night_without_a_mail_server(self):
        """What is given up is told to nobody and its words are gone: defaults outlast a night and whoever mends it in the morning."""
        defaults = dict(re.findall(r'^SETTING\(notify, (\w+), U64, "(\d+)"', (TOP / "ipc/config.def").read_text(), re.M))
        retry, hour = int(defaults["retry_ms"]), int(re.search(r"RETRY_MAX_MS (\d+)u", (TOP / "business/notify_queue.c").read_text())[1])
        least = sum(min(retry << n, hour) // 2 for n in range(int(defaults["tries"]) - 1))  # backoff_ms: half of it at least
        self.assertGreater(least, 12 * 3600 * 1000)
        self.assertLess(least, 36 * 3600 * 1000, "and end: a webhook that is dead is an alert for as long")
