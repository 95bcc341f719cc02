"""Installed, started, used: by Debian's own systemd, kernel and PostgreSQL."""

import os
import pathlib

from machine import CONF, SERVICES, VmCase, run


class Service(VmCase):
    def test_it_installs(self):
        told = self.cluster.told
        self.assertIn("made the key-encryption key", told["install"])
        self.assertEqual(told["check"][0], 0, told["check"])
        self.assertIn("cloister 0", run("dpkg-query", "-W", "-f", "${Package} ${Version}", "cloister"))
        config = CONF.read_text()
        self.assertNotIn("client_secret_file", config, "no secret has a file of its own")
        self.assertFalse(pathlib.Path("/etc/cloister/key").exists())

    def test_the_target_is_active_and_each_unit_has_told(self):
        self.assertEqual(self.cluster.show("cloister.target", "ActiveState"), "active")
        for service in SERVICES:
            with self.subTest(service):
                self.assertTrue(self.cluster.active(service))
                self.assertEqual(self.cluster.show(f"{service}.service", "Type"), "notify")
                self.assertGreater(int(self.cluster.show(f"{service}.service", "WatchdogTimestampMonotonic")), 0)

    def test_a_user_asks_and_is_answered(self):
        answer = self.said(self.person(), "Am I free tomorrow at 3pm?")
        self.assertIn("free", answer.text.lower())

    def test_status_says_that_all_is_well(self):
        self.answers()
        code, out, err = self.cluster.ctl("status")
        self.assertEqual((code, err), (0, ""))
        self.assertIn("ready", out)
        walls = self.cluster.status()["zygote"]["walls"]
        self.assertTrue(all(wall["held"] for wall in walls), walls)

    def test_rights_are_given_up(self):
        for service in SERVICES:
            lines = pathlib.Path(f"/proc/{self.cluster.main_pid(service)}/status").read_text().splitlines()
            status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
            with self.subTest(service):
                self.assertNotEqual(status["Uid"].split()[0], "0")
                self.assertEqual(int(status["CapBnd"], 16), 0)
                self.assertEqual(int(status["CapEff"], 16), 1 << 5 if service == "cloisterd" else 0)  # CAP_KILL
                self.assertEqual(status["Seccomp"], "2")
                self.assertEqual(status["NoNewPrivs"], "0" if service == "cloisterd" else "1")

    def test_kernel(self):
        self.assertTrue(os.uname().release.startswith("6.1."), os.uname())
