"""[keys] provider=systemd: the key-encryption key is a credential, and changes while people talk."""

import json
import os
import pathlib
import signal

from load import Load
from machine import VmCase, run, wait_until

KEK = pathlib.Path("/etc/credstore.encrypted/cloister-kek")


class Keys(VmCase):
    def key(self):
        return run("systemd-creds", "decrypt", "--name=cloister-kek", KEK, "-").strip()

    def test_rotation(self):
        users = [self.answers() for _ in range(3)]
        old, sealed = self.key(), KEK.read_bytes()
        with Load(self.front, users) as load:
            wait_until(20, lambda: len(load.answers) >= 3, "answers")
            code, out, err = self.cluster.ctl("rotate-key", "--json", timeout=120)
            many = len(load.answers)
            wait_until(20, lambda: len(load.answers) >= many + 3, "answers afterwards")
        self.assertEqual(code, 0, err + out)
        last = json.loads(out.splitlines()[-1])
        self.assertEqual((last["state"], last["unreadable"]), ("finished", 0), out)
        self.assertEqual(load.failed, [])
        self.assertNotEqual(self.key(), old)
        self.assertFalse(KEK.with_name("cloister-kek-next").exists())
        self.another_start(users)
        # The old key in its place opens nothing, and says so; the new one does.
        new = KEK.read_bytes()
        try:
            KEK.write_bytes(sealed)
            os.kill(self.cluster.main_pid("cloister-keys"), signal.SIGKILL)
            wait_until(20, lambda: self.cluster.journal("-u", "cloister-keys", "-g", "does not open keyring"), "a refusal to start")
        finally:
            KEK.write_bytes(new)
        wait_until(30, lambda: self.cluster.active("cloister-keys"), "keys with the new one")
        self.answers(users[0])

    def another_start(self, users):
        pid = self.cluster.main_pid("cloister-keys")
        run("systemctl", "restart", "cloister-keys.service")
        self.replaced("cloister-keys", pid)
        for user in users:
            self.answers(user)
