"""Q1 J4: who may call: frontends come, change their keys and go while everything runs; each has users of its own."""

import json
import stat
import subprocess
import time

from base import Case, day_after, timed
from client import Frontend
from cluster import PREFIX, wait_until

ZONE = "Europe/Berlin"
READ = "What do I have tomorrow?"
BACK = "https://shop.example/connected?from=cloister"
SOON = 3  # seconds; the gateway rereads every two


class Frontends(Case):
    def setUp(self):
        self.names = []

    def tearDown(self):
        for name in self.names:
            self.cluster.ctl("frontend", "remove", name)
        super().tearDown()

    def ctl(self, *args, status=0):
        code, out, err = self.cluster.ctl("frontend", *args)
        self.assertEqual(code, status, (args, out, err))
        return out, err

    def add(self, name, *more, return_to=BACK):
        out, _ = self.ctl("add", name, "--return-to", return_to, *more)
        self.names.append(name)
        self.assertRegex(out, r"\Acfk_[A-Za-z0-9_-]{43}\n\Z")
        return self.caller(out.strip())

    def caller(self, key):
        return Frontend("127.0.0.1", self.cluster.port, key)

    def status(self, front, user="nobody"):
        return front.user("GET", user, "connections/google").status

    def known(self, front):
        """Whether the key is taken; whoever sends wrong ones often is told to wait instead."""
        got = front.user("GET", "nobody", "connections/google")
        return got.code != "unauthorized" and "wrong keys" not in (got.json or {}).get("detail", "")

    def slowly(self, check, what):
        """A step often enough to see two seconds, seldom enough not to be told to wait."""
        def step():
            time.sleep(0.25)
            return check()
        wait_until(SOON, step, what)

    def works(self, front):
        self.slowly(lambda: self.known(front), "the key is taken")

    def refused(self, front):
        self.slowly(lambda: not self.known(front), "the key is refused")
        got = front.user("GET", "nobody", "connections/google")
        self.assertIn((got.status, got.code), ((401, "unauthorized"), (429, "rate_limited")))

    def test_a_frontend_comes_changes_its_key_and_goes(self):
        first = self.add("shop")
        self.works(first)
        self.assertFalse(self.known(self.caller("cfk_" + "A" * 43)), "the control: any other key is refused")
        out, _ = self.ctl("rotate", "shop")
        second = self.caller(out.strip())
        self.works(second)
        self.assertTrue(self.known(first), "the old key works beside the new one")
        self.ctl("rotate", "shop", "--finish")
        self.refused(first)
        self.assertTrue(self.known(second))
        out, _ = self.ctl("remove", "shop")
        self.assertIn("stay", out, "it says what it does not remove")
        self.refused(second)
        self.assertTrue(self.known(self.front), "the others are not touched")

    def test_rotating_twice_ends_the_oldest(self):
        first = self.add("twice")
        second = self.caller(self.ctl("rotate", "twice")[0].strip())
        third = self.caller(self.ctl("rotate", "twice")[0].strip())
        self.works(third)
        self.assertTrue(self.known(second))
        self.refused(first)

    def test_only_its_own_return_addresses(self):
        shop, other = self.add("shop"), self.add("other", return_to="https://other.example/")
        self.works(shop)
        self.works(other)
        ask = lambda front, address: front.user("POST", "anna", "connect-links", {"features": ["events"], "return_to": address})
        self.assertEqual(ask(shop, BACK).status, 201, "the control")
        self.assertEqual(ask(other, "https://other.example/").status, 201, "the control")
        for front, address in ((shop, "https://other.example/"), (other, BACK), (shop, BACK + "&x=1"), (shop, BACK.split("?")[0]),
                               (shop, "http://127.0.0.1:8429/connected")):
            got = ask(front, address)
            self.assertEqual((got.status, got.code), (400, "invalid_field"), (address, got))

    def test_the_same_name_is_another_user(self):
        day = day_after(1, ZONE)
        shop = self.add("shop")
        self.works(shop)
        self.cluster.connect("anna", account="annaone", events=[timed("Alpha planning", day, "10:00", "11:00", ZONE)], timezone=ZONE)
        unknown = shop.stream("anna", READ, timezone=ZONE)
        self.assertEqual(unknown.status, 404, unknown)
        self.cluster.connect("anna", account="annatwo", front=shop, return_to=BACK, timezone=ZONE,
                             events=[timed("Beta review", day, "10:00", "11:00", ZONE)])
        mine = self.finished(self.front.stream("anna", READ, timezone=ZONE))
        theirs = self.finished(shop.stream("anna", READ, timezone=ZONE))
        self.assertIn("Alpha planning", mine.text)
        self.assertNotIn("Beta", mine.text)
        self.assertIn("Beta review", theirs.text)
        self.assertNotIn("Alpha", theirs.text)
        swapped = shop.ask("anna", READ, timezone=ZONE, grant=self.front.grants["anna"])
        self.assertEqual((swapped.status, swapped.code), (401, "grant_invalid"), swapped)
        self.assertEqual(self.front.user("DELETE", "anna", "connections/google").status, 200)
        self.finished(shop.stream("anna", READ, timezone=ZONE))

    def test_a_key_that_may_do_less(self):
        shop = self.add("readonly", "--may", "memory connect")
        self.works(shop)
        self.cluster.connect("ben", front=shop, return_to=BACK)
        self.assertEqual(shop.user("GET", "ben", "memory").status, 200, "the control")
        for got in (shop.stream("ben", READ), shop.ask("ben", READ), shop.user("DELETE", "ben", "session"),
                    shop.user("DELETE", "ben", "connections/google"), shop.user("DELETE", "ben", "grants")):
            self.assertEqual((got.status, got.code), (403, "not_allowed"), got)

    def test_a_share_of_its_own(self):
        shop = self.add("slow", "--requests-per-second", "1", "--burst", "3")
        self.works(shop)
        got = [self.status(shop) for _ in range(8)]
        self.assertIn(429, got)
        self.assertTrue(self.known(self.front), "the others have theirs")

    def test_the_file_and_what_is_shown(self):
        name = "kept"
        key = self.add(name).key
        path = self.cluster.dir / "etc/frontends" / f"{name}.conf"
        self.assertNotIn(key, path.read_text())
        self.assertFalse(path.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH))
        self.ctl("add", name, "--return-to", BACK, status=1)
        out, err = self.ctl("list")
        self.assertIn(name, out)
        self.assertNotIn(key, out + err + self.ctl("list", "--json")[0])
        row, = [r for r in json.loads(self.ctl("list", "--json")[0]) if r["name"] == name]
        self.assertEqual((row["keys"], row["return_to"], row["left_out"]), (1, [BACK], None))
        made = json.loads(self.ctl("rotate", name, "--json")[0])
        self.assertEqual(made["keys"], 2)
        self.works(self.caller(made["key"]))
        kept = self.cluster.dir / "rotated.key"
        out, _ = self.ctl("rotate", name, "--key-file", kept)
        self.assertEqual(out, "")
        self.assertEqual(stat.S_IMODE(kept.stat().st_mode), 0o600)
        self.works(self.caller(kept.read_text().strip()))
        kept.unlink()
        self.assertEqual(path.read_text().count("key_sha256="), 2)
        self.ctl("remove", "never-was", status=2)
        self.ctl("add", "web", "--return-to", BACK, status=100)
        self.ctl("add", "bad", "--return-to", "javascript:alert(1)", status=1)
        self.ctl("nonsense", status=100)
        self.assertIn("Usage", self.ctl("--help")[0])

    def test_strangers_may_not(self):
        for args in (("add", "evil", "--return-to", "loopback"), ("rotate", "quickstart"), ("remove", "quickstart")):
            done = subprocess.run(["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups", "env", "-C", "/",
                                   PREFIX / "bin/cloisterctl", "--config", self.cluster.dir / "etc/cloister.conf", "frontend", *args],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=30)
            self.assertEqual((done.returncode, done.stdout), (3, b""), args)
            self.assertIn(b"not permitted", done.stderr)
        self.assertTrue(self.known(self.front))
