"""N8: a model at a host that no list names. The stand-in has an address that the world would take for a public one, in a
network of this test's own, so that only the configured address leads there."""

import ctypes
import json
import os
import subprocess
import unittest

from base import Case
from cluster import Cluster, kill, wait_until

ADDRESS = "11.254.254.254"  # no special one (RFC 6890); nobody's but this namespace's
CLONE_NEWNET = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)


class Far(Cluster):
    world_options = ("--model-listen", f"{ADDRESS}:0", "--name", ADDRESS)

    def write_config(self):
        super().write_config()
        text = self.config.read_text()
        listed = " " + self.named["MODEL_URL"].split("://", 1)[1]
        assert listed in text
        self.config.write_text(text.replace(listed, ""))


class UnlistedHosts(Case):
    @classmethod
    def setUpClass(cls):
        cls.home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        if libc.unshare(CLONE_NEWNET) < 0:
            raise unittest.SkipTest("no network namespaces here")
        try:
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
            subprocess.run(["ip", "address", "add", f"{ADDRESS}/32", "dev", "lo"], check=True)
            cls.cluster = Far()
        except BaseException:
            cls.go_home()
            raise
        cls.front, cls.admin = cls.cluster.front, cls.cluster.admin
        cls.settings = cls.cluster.dir / "etc/cloister.conf"
        cls.good = cls.settings.read_text()

    @classmethod
    def tearDownClass(cls):
        try:
            super().tearDownClass()
        finally:
            cls.go_home()

    @classmethod
    def go_home(cls):
        if libc.setns(cls.home, CLONE_NEWNET) < 0:
            raise OSError(ctypes.get_errno(), "the way back to the machine's network")
        os.close(cls.home)

    def tearDown(self):
        self.settings.write_text(self.good)
        self.cluster.ctl("reload")
        super().tearDown()

    def reload(self):
        code, out, err = self.cluster.ctl("reload", "--json")
        self.assertEqual(code, 0, err)
        return json.loads(out)

    def heard_again(self, act):
        """cloister-egress has read the file once more."""
        lines = lambda: self.cluster.log().count("reloaded, ")
        before = lines()
        act()
        wait_until(20, lambda: lines() > before, "cloister-egress has read it")

    def test_turns_go_on_with_the_old_host_until_the_restart(self):
        user = self.person()
        self.finished(self.front.stream(user, "hello"))
        self.settings.write_text(self.good + "\n[model]\nbase_url=https://elsewhere.example\n"
                                             "[google]\ntoken_url=https://elsewhere.example/token\n")
        changed = {}
        self.heard_again(lambda: changed.update((c["setting"], c["takes_effect"]) for c in self.reload()["changed"]))
        self.assertEqual(changed, {"model.base_url": "after a restart", "google.token_url": "after a restart"})
        seen = len(self.admin.requests())
        self.finished(self.front.stream(user, "hello"))
        self.finished(self.front.stream(self.person(), "hello"))  # its token comes from the old address, too
        self.assertTrue([r for r in self.admin.requests()[seen:] if r["path"] == "/v1/messages"])
        # The control: the restarted program knows the new hosts and no others.
        egress = self.cluster.programs()["cloister-egress"]
        kill(egress)
        wait_until(30, lambda: self.cluster.programs().get("cloister-egress") not in (None, egress), "another cloister-egress")
        wait_until(30, lambda: self.front.stream(user, "hello").error is not None, "the old host is out of reach")
