"""The machine's clock is moved while Cloister runs: by hours, by a month, and back."""

import time

from machine import VmCase, run

HOUR, DAY = 3600, 86400


class Clock(VmCase):
    def setUp(self):
        self.real = time.time() - time.monotonic()
        self.addCleanup(self.move, 0)

    def move(self, seconds):
        run("date", "-s", f"@{self.real + time.monotonic() + seconds:.3f}")

    def test_hours_ahead_and_back(self):
        """Access tokens seem to be over, or from the future; everybody is answered all the same."""
        person = self.answers()
        pids = self.cluster.pids()
        for seconds in (2 * HOUR, 0, -2 * HOUR, 0, 3 * DAY, 0):
            self.move(seconds)
            self.said(person, "What do I have tomorrow?")
            self.assertTrue(self.cluster.is_ready())
            self.said(self.person(), "Am I free tomorrow at 3pm?")
        self.assertEqual(self.cluster.pids(), pids, "no program minds")

    def test_a_month_ahead(self):
        """A grant that nobody used for 30 days is over, which its owner is told; nobody else is harmed, and a new one works."""
        person = self.answers()
        self.move(40 * DAY)
        got = self.front.ask(person, "What do I have tomorrow?")
        self.assertIn(got.status, (401, 403), got)
        self.said(self.person(), "Am I free tomorrow at 3pm?")
        self.assertTrue(self.cluster.is_ready())
