"""systemd's watchdog, and what dies."""

import os
import signal

from machine import SERVICES, VmCase


class Hang(VmCase):
    def test_what_hangs_is_replaced(self):
        """All of them at once stand still; nobody but the watchdog sees it, half a minute later."""
        person = self.answers()
        old = self.cluster.pids()
        for pid in old.values():
            os.kill(pid, signal.SIGSTOP)
        for service in SERVICES:
            self.replaced(service, old[service], 90)
        for service in SERVICES:
            said = self.cluster.journal("-u", f"{service}.service", "-g", "Watchdog timeout")
            self.assertTrue(said, service)
        self.answers(person)

    def test_what_dies_is_replaced(self):
        person = self.answers()
        for service in SERVICES:
            with self.subTest(service):
                old = self.cluster.main_pid(service)
                os.kill(old, signal.SIGKILL)
                self.replaced(service, old)
                self.answers(person)
