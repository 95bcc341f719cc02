"""What the gateway keeps of answers is what was asked, and no other answer of the same request."""

import http.client
import itertools
import json
import unittest

from stage import SLUG, stage

OTHERS = 3000  # different searches: with some to spare more than half of what may be kept
running = None


def setUpModule():
    global running
    running = stage("[gateway]\ntrusted_proxies=127.0.0.1\n[business]\ncalls_per_minute=0\nclient_calls_per_minute=0\nbusiness_calls_per_minute=0\n")


def tearDownModule():
    running.stop()


class Kept(unittest.TestCase):
    def test_a_page_keeps_no_times_as_a_profile(self):
        """A page asks for the profile and for free times. Past half of the room an answer is kept when it is made a second time."""
        addresses = itertools.count(1)
        conn = http.client.HTTPConnection(running.public.removeprefix("http://"), timeout=20)

        def get(path):
            who = next(addresses)  # nobody's own limit is met
            conn.request("GET", path, headers={"X-Forwarded-For": f"10.1.{who // 250}.{who % 250}"})
            got = conn.getresponse()
            return got.status, got.read().decode()
        running.publish("salon-ulme")  # whatever was kept until now is forgotten
        for n in range(OTHERS):
            self.assertEqual(get(f"/v1/businesses?q=linde&lat=52.{n:04d}&lon=13.4")[0], 200)
        for _ in range(3):
            status, page = get(f"/b/{SLUG}?service=cut")
            self.assertEqual(status, 200)
            self.assertIn("Linde", page)
            profile = json.loads(get(f"/v1/businesses/{SLUG}")[1])
            self.assertIn("name", sorted(profile))
            self.assertNotIn("slots", profile)
