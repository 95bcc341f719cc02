"""Q14, N8: who has used up what is theirs does not have it back when the gateway ends, however it ends."""

import http.client
import os
import signal
import time

from base import Case
from cluster import wait_until

BURST, EVERY_S = 40, 3  # gateway/bounds.h: sign-ins of one address at once, and until there is one more


class Limits(Case):
    def sign_ins(self, address, n):
        """How many of `n` were let through, asked one after the other from `address`."""
        through = 0
        for _ in range(n):
            conn = http.client.HTTPConnection("127.0.0.1", self.cluster.port, timeout=60, source_address=(address, 0))
            conn.request("GET", "/login")
            status = conn.getresponse().status
            conn.close()
            self.assertIn(status, (302, 429))
            through += status == 302
        return through

    def end(self, number):
        """The gateway ends, and another one serves."""
        old = self.cluster.programs()["cloister-gateway"]
        os.kill(old, number)
        wait_until(40, lambda: self.cluster.programs().get("cloister-gateway") not in (None, old), "another gateway")
        wait_until(40, self.cluster.ready, "an answer")

    def check(self, number, address, other):
        self.assertEqual(self.sign_ins(other, 1), 1)
        began = time.monotonic()
        through = self.sign_ins(address, BURST + 20)
        self.assertGreaterEqual(through, BURST)
        for _ in range(2):
            self.end(number)
            through += self.sign_ins(address, BURST)
        most = BURST + 1 + (time.monotonic() - began) / EVERY_S
        self.assertLessEqual(through, most, "each gateway gave as much as the first")
        self.assertEqual(self.sign_ins(other, 3), 3, "the control: another address has its own")

    def test_a_gateway_that_is_killed(self):
        self.check(signal.SIGKILL, "127.0.0.21", "127.0.0.22")

    def test_a_gateway_that_stops(self):
        self.check(signal.SIGTERM, "127.0.0.23", "127.0.0.24")
