"""N6 N8: the key-encryption key changes while people talk; a kill anywhere loses nothing; the old key opens nothing."""

import json
import os
import pathlib
import pwd
import shutil
import socket
import subprocess
import tempfile
import time

from base import FULL, Case
from cluster import PREFIX, kill, wait_until
from load import Load


def varint(value):
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def create_users(path, first, n):
    """KEY_CREATE (ipc/messages.proto) for users that nobody knows, so that the keyring is as long as a real one."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
        s.connect(str(path))
        for i in range(first, first + n):
            name = b"%032x" % (0xabc << 112 | i)
            s.send(field(1, 1) + field(45, field(1, i + 1) + field(3, name) + field(4, name)))
            assert s.recv(512)


def as_user(name, act):
    """In a child of that user: the kernel says who asks."""
    who = pwd.getpwnam(name)
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups([])
            os.setresgid(who.pw_gid, who.pw_gid, who.pw_gid)
            os.setresuid(who.pw_uid, who.pw_uid, who.pw_uid)
            act()
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


class Full(Case):
    """The keyring on a disk of its own, which is full: rows can be rewrapped, but the file cannot be made anew."""

    ROWS, ROOM = 3000, 100 << 10

    @classmethod
    def setUpClass(cls):
        cls.disk = pathlib.Path(tempfile.mkdtemp(prefix="cloister-disk.", dir="/var/tmp"))
        cls.addClassCleanup(cls.disk.rmdir)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m,mode=0755", "tmpfs", cls.disk], check=True)
        cls.addClassCleanup(subprocess.run, ["umount", "-l", cls.disk], check=True)
        cls.extra = f"[keys]\nkeyring={cls.disk}/keyring/keyring.db\n"
        super().setUpClass()

    def test_what_the_old_key_opens_is_still_there(self):
        path = self.cluster.run / "keys/keys.sock"
        self.assertEqual(as_user("cloister", lambda: create_users(path, 0, self.ROWS)), 0)
        filler = self.disk / "filler"
        filler.write_bytes(bytes(shutil.disk_usage(self.disk).free - self.ROOM))
        code, out, err = self.cluster.ctl("rotate-key", "--json", timeout=120)
        self.assertIn('"finished"', out, err)
        self.assertIn("still holds what the old one opens", err)
        self.assertEqual(code, 1)
        code, _, err = self.cluster.ctl("rotate-key", "status")
        self.assertEqual(code, 1, err)
        filler.unlink()
        code, _, err = self.cluster.ctl("rotate-key", timeout=120)  # the control: with room on the disk
        self.assertEqual((code, err), (0, ""))
        self.assertEqual(self.cluster.ctl("rotate-key", "status")[0], 0)


class Rotate(Case):
    @classmethod
    def fill(cls, n):
        path = cls.cluster.run / "keys/keys.sock"
        assert as_user("cloister", lambda: create_users(path, cls.filled, n)) == 0
        cls.filled += n

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.filled = 0
        cls.fill(2000 if FULL else 400)
        cls.key_file = pathlib.Path(cls.setting("keys.key_file"))
        cls.users = []

    @classmethod
    def setting(cls, name):
        return subprocess.run([next(PREFIX.glob("*bin/cloister-launch")), "--config", cls.cluster.dir / "etc/cloister.conf",
                               "print", name], stdout=subprocess.PIPE, check=True).stdout.decode().strip()

    def rotating(self, *more):
        return subprocess.Popen([PREFIX / "bin/cloisterctl", "--config", self.cluster.dir / "etc/cloister.conf", "rotate-key", *more],
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def rotated(self, process):
        out, err = process.communicate(timeout=120)
        self.assertEqual(process.returncode, 0, err.decode() + out.decode())
        lines = [json.loads(line) for line in out.decode().splitlines()]
        self.assertEqual(lines[-1]["state"], "finished", lines)
        return lines

    def people(self, n):
        while len(self.users) < n:
            self.users.append(self.person())
        return self.users[:n]

    def ask_all(self, users):
        for user in users:
            self.finished(self.front.stream(user, "What do I have tomorrow?", timezone="Europe/Berlin"))

    def test_no_request_fails_meanwhile(self):
        users = self.people(4)
        old = self.key_file.read_text()
        with Load(self.front, users) as load:
            wait_until(20, lambda: len(load.answers) >= 4, "answers")
            lines = self.rotated(self.rotating("--json"))
            many = len(load.answers)
            wait_until(20, lambda: len(load.answers) >= many + 4, "answers afterwards")
        self.assertEqual(load.failed, [])
        self.assertGreaterEqual(lines[-1]["done"], self.filled)
        self.assertEqual(lines[-1]["done"], lines[-1]["total"])
        self.assertEqual(lines[-1]["unreadable"], 0)
        self.assertNotEqual(self.key_file.read_text(), old)
        self.assertFalse(pathlib.Path(f"{self.key_file}.next").exists())
        self.assertNotIn(old.strip(), self.cluster.log())
        self.old_key_is_refused(old, users)

    def test_a_next_key_that_nobody_made_is_replaced(self):
        """Half a file, or a copy of the key itself, beside the key file: nothing is wrapped by it, so it is no way on."""
        for cut in (4, None):
            old = self.key_file.read_text()
            left = old[:cut]
            beside = pathlib.Path(f"{self.key_file}.next")
            beside.write_text(left)
            beside.chmod(0o600)
            lines = self.rotated(self.rotating("--json"))
            self.assertEqual(lines[-1]["unreadable"], 0)
            self.assertNotEqual(self.key_file.read_text().strip(), old.strip())
            self.assertNotEqual(self.key_file.read_text().strip(), left.strip())
            self.assertFalse(beside.exists())
        self.ask_all(self.people(1))

    def old_key_is_refused(self, old, users):
        """The old key back in its place starts nothing; the new one does (the control)."""
        new, mode = self.key_file.read_text(), self.key_file.stat()
        seen = self.cluster.log().count("does not open keyring")
        self.key_file.chmod(0o600)
        self.key_file.write_text(old)
        kill(self.cluster.programs()["cloister-keys"])
        wait_until(10, lambda: self.cluster.log().count("does not open keyring") > seen, "a refusal to start")
        self.key_file.write_text(new)
        self.key_file.chmod(mode.st_mode & 0o777)
        wait_until(15, self.cluster.ready, "ready with the new key")
        self.ask_all(users)

    def test_killed_in_the_middle_it_goes_on(self):
        users = self.people(4)
        for _ in range(3 if FULL else 1):
            old = self.key_file.read_text()
            seen = self.begun()
            rotation, kills = self.rotating("--json"), 0
            while rotation.poll() is None and kills < 3:
                if self.begun() > seen + kills:  # it says so when it begins, and when it goes on
                    pid = self.cluster.programs().get("cloister-keys")
                    if pid:
                        kill(pid)
                        kills += 1
                time.sleep(0.002)
            self.rotated(rotation)
            self.assertGreaterEqual(kills, 1, "the control: it was killed in the middle")
            self.assertNotEqual(self.key_file.read_text(), old)
            wait_until(15, self.cluster.ready, "ready")
            self.ask_all(users)

    def begun(self):
        log = self.cluster.log()
        return log.count("changing the key-encryption key from") + log.count("going on with the change of the key")

    def progress(self):
        code, out, err = self.cluster.ctl("rotate-key", "status", "--json")
        return json.loads(out) if code == 0 else {"state": err}

    def test_the_operator_goes_away_and_comes_back(self):
        users = self.people(2)
        old, seen = self.key_file.read_text(), self.begun()
        rotation = self.rotating("--json")
        wait_until(20, lambda: self.begun() > seen, "under way")
        rotation.kill()
        rotation.communicate()
        self.assertEqual(self.key_file.read_text(), old, "not before all is rewrapped")
        wait_until(60, lambda: self.progress()["state"].startswith("interrupted"), "cloister-keys goes on by itself")
        self.ask_all(users)
        # both keys are there now, and a restart finds its way with them
        kill(self.cluster.programs()["cloister-keys"])
        wait_until(15, self.cluster.ready, "ready")
        self.ask_all(users)
        self.rotated(self.rotating("--json"))
        self.assertNotEqual(self.key_file.read_text(), old)
        self.assertEqual(self.progress()["state"], "none under way")

    def test_only_for_root(self):
        done = subprocess.run(["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--groups", "cloister", "/usr/bin/env", "-C", "/",
                               PREFIX / "bin/cloisterctl", "--config", self.cluster.dir / "etc/cloister.conf", "rotate-key"],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=30)
        self.assertEqual(done.returncode, 3, done)
        self.assertIn(b"root", done.stderr)
