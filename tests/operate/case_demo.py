"""The README's three commands on a quickstart without --config: a directory to search, a booking by the official MCP client,
and the event in the owner's calendar."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from client import WorldAdmin
from cluster import PREFIX, TOP, free_port


class Demo(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = pathlib.Path(tempfile.mkdtemp(prefix="cloister-demo.", dir="/var/tmp"))
        os.chmod(cls.dir, 0o755)
        cls.addClassCleanup(shutil.rmtree, cls.dir, True)
        cls.public = free_port()
        cls.env = {**os.environ, "CLOISTER_QUICKSTART_DIR": str(cls.dir), "CLOISTER_PREFIX": str(PREFIX),
                   "CLOISTER_PUBLIC": f"http://127.0.0.1:{cls.public}"}
        cls.listen = ("--listen", f"127.0.0.1:{free_port()}", "--public-listen", f"127.0.0.1:{cls.public}")
        cls.addClassCleanup(lambda: cls.run_it("deploy/quickstart", "--reset"))
        cls.said = cls.run_it("deploy/quickstart", *cls.listen)

    @classmethod
    def run_it(cls, program, *words):
        done = subprocess.run([TOP / program, *words], env=cls.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=300, check=False)
        assert done.returncode == 0, f"{program} {words}: {done.returncode} {done.stdout[-500:]} {done.stderr[-2000:]}"
        return done

    def test_it_says_where_customers_go(self):
        self.assertIn(f"http://127.0.0.1:{self.public}/b", self.said.stdout)
        took = re.search(r"The directory has (\d+) businesses \(([0-9.]+) s\)", self.said.stderr)
        self.assertGreater(int(took.group(1)), 299)
        self.assertLess(float(took.group(2)), 15 if not os.environ.get("CLOISTER_SANITIZED") else 150)

    def test_a_second_start_publishes_nothing_again(self):
        self.assertNotIn("Publishing", self.run_it("deploy/quickstart", *self.listen).stderr)

    @unittest.skipIf(shutil.which("npm") is None, "npm is not installed")
    def test_search_book_and_look(self):
        found = self.run_it("deploy/demo/customer", "search", "haircut", "Berlin").stdout
        slugs = re.findall(r"^(\S+)$", found, re.M)
        self.assertIn("zabutello-hair-berlin", slugs[:3])
        booked = self.run_it("deploy/demo/customer", "book", "zabutello-hair-berlin", "cut").stdout
        self.assertRegex(booked, r"^confirmed: ")
        named = dict(line.split("=", 1) for line in (self.dir / "world/world.env").read_text().splitlines() if "=" in line)
        events = WorldAdmin(named["ADMIN_URL"]).events("demo")
        self.assertEqual(["Cut and blow-dry" in event["summary"] for event in events], [True])
        answer = self.run_it("deploy/quickstart", *self.listen, "--ask", "What do I have in the next 7 days?").stdout
        self.assertIn("Cut and blow-dry", answer)
