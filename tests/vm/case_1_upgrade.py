"""Other programs while people talk: cloisterctl upgrade, a newer package, a restart; under systemd."""

import json
import socket
import time

from machine import LOAD, OWNERS, SERVICES, SLOW, VmCase, run
from upgrade_load import ZONE, GoesOn, Knocking, Load

USERS, RATE = 6, 10 / SLOW


class Upgrade(GoesOn, VmCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.users = [f"load{time.monotonic_ns()}x{i}" for i in range(USERS)]
        for name in cls.users:
            cls.cluster.connect(name, timezone=ZONE)

    def load(self):
        return Load(self.front, self.users, RATE, tries=2 if SLOW == 1 else 20)

    def all_new(self, before):
        after = self.cluster.pids()
        self.assertFalse([s for s in SERVICES if before[s] == after[s]], "all are new processes")

    def test_cloisterctl_upgrade(self):
        for _ in range(1 if SLOW > 1 else 3):
            begun, before = self.begin(), self.cluster.pids()
            with self.load() as load:
                time.sleep(1 * SLOW)
                code, out, err = self.cluster.ctl("upgrade", "--json", "--timeout", int(8 * min(SLOW, 10)), timeout=200)
                time.sleep(1 * SLOW)
            self.assertEqual(code, 0, err + out)
            answer = json.loads(out)
            self.assertEqual((answer["upgraded"], answer["manager"]), (True, "systemd"), err)
            self.nothing_lost(load, 10)
            self.all_new(before)
            self.goes_on(begun)

    def test_newer_package(self):
        begun, before = self.begin(), self.cluster.pids()
        with self.load() as load:
            time.sleep(1 * SLOW)
            told = run("dpkg", "--force-confold", "-i", LOAD / "deb/newer.deb", timeout=300)
            time.sleep(1 * SLOW)
        self.assertIn("all programs are ready", told)
        self.assertIn("+newer", run("dpkg-query", "-W", "-f", "${Version}", "cloister"))
        self.nothing_lost(load, 10)
        self.all_new(before)
        self.goes_on(begun)

    def test_restart_of_the_target(self):
        """What conversations know crosses in the manager's fd store; nobody who connects is refused."""
        begun, before = self.begin(), self.cluster.pids()
        doors = [(socket.AF_INET, ("127.0.0.1", OWNERS), socket.SOCK_STREAM),
                 (socket.AF_UNIX, "/run/cloister/control.sock", socket.SOCK_SEQPACKET)]
        with self.load() as load, Knocking(*doors) as knocking:
            run("systemctl", "restart", "cloister.target")
            for service in SERVICES:
                self.replaced(service, before[service])
            time.sleep(1 * SLOW)
        self.nothing_lost(load, 10)
        self.all_new(before)
        self.goes_on(begun)
        self.assertEqual(knocking.refused, [])

    def test_restart_of_cloisterd(self):
        begun, old = self.begin(), self.cluster.main_pid("cloisterd")
        run("systemctl", "restart", "cloisterd.service")
        self.replaced("cloisterd", old)
        self.goes_on(begun)

    def test_stop_and_start_again(self):
        """The control: once it was stopped for good, the manager keeps nothing."""
        user, _ = self.begin()
        run("systemctl", "stop", "cloister.target")
        for service in SERVICES:
            run("systemctl", "stop", f"{service}.service")
            self.assertEqual(self.cluster.show(f"{service}.service", "Result"), "success", service)
        run("systemctl", "start", "cloister.target")
        self.answers(user, 60)
        self.front.stream(user, "Move it to four", timezone=ZONE)
        self.assertEqual(self.hour_of_lunch(user), 15)
