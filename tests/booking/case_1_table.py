"""The availability table, and that the table itself can fail."""

import json
import pathlib
import re
import subprocess
import tempfile
import unittest

from cluster import PREFIX

TABLE = pathlib.Path(__file__).parent / "availability.json"


def play(path):
    done = subprocess.run([PREFIX / "libexec/cloister/booking-table", path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    return done.returncode, done.stdout.decode()


class Availability(unittest.TestCase):
    def test_every_case_has_its_answer(self):
        code, out = play(TABLE)
        self.assertEqual(code, 0, out)
        passed = int(re.search(r"(\d+) passed, 0 failed", out).group(1))
        self.assertGreaterEqual(passed, 60)
        print(f"    {passed} cases")

    def test_a_wrong_answer_is_seen(self):
        """The control: each case with another answer fails, all the others pass."""
        table = json.loads(TABLE.read_text())
        answered = [case for case in table["cases"] if case.get("slots")]
        for case in answered:
            case["slots"] = case["slots"].rsplit(" ", 1)[0]
        with tempfile.NamedTemporaryFile("w", suffix=".json") as wrong:
            json.dump(table, wrong)
            wrong.flush()
            code, out = play(wrong.name)
        self.assertEqual(code, 1)
        self.assertEqual(len(re.findall("^FAILED", out, re.M)), len(answered), out[-2000:])
