"""N8, Q12: what is not ready yet does not say that it is; what root gives away at a start is what it has looked at."""

import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest

from cluster import PREFIX, children, wait_until

CTL = PREFIX / "bin/cloisterctl"
LAUNCH = next(PREFIX.glob("*bin/cloister-launch"))
DAEMON = next(PREFIX.glob("*bin/cloisterd"))


def command_of(pid):
    """Its words, once it is what it is to become."""
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes() if b"launch" not in pathlib.Path(f"/proc/{pid}/comm").read_bytes() else b""
    except OSError:
        return b""


class Start(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="cloister-start-", dir=os.environ.get("CLOISTER_TEST_DIR")))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.dir.chmod(0o755)
        self.run_dir = self.dir / "run"
        self.config = self.dir / "cloister.conf"
        self.config.write_text(f"[runtime]\ndir={self.run_dir}\n[keys]\nkey_file={self.dir}/key\nkeyring={self.dir}/keyring/k.db\n")

    def status(self):
        return subprocess.run([CTL, "--socket", self.run_dir / "control.sock", "status"], stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=30, check=False).returncode

    def test_a_reload_makes_nobody_ready(self):
        """Without cloister-keys and cloister-egress no agent can be made: no word of being ready, reloaded or not."""
        notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(notices.close)
        notices.bind(str(self.dir / "notify"))
        (self.dir / "notify").chmod(0o777)
        notices.setblocking(False)
        log = self.dir / "log"
        with log.open("wb") as out:
            daemon = subprocess.Popen([DAEMON, "--config", self.config], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                      env={**os.environ, "NOTIFY_SOCKET": str(self.dir / "notify")})
        try:
            wait_until(30, lambda: self.status() == 0, "an answer")
            daemon.send_signal(signal.SIGHUP)
            wait_until(30, lambda: "reloaded: " in log.read_text(), "the reload")
            self.assertEqual(self.status(), 0)  # one thread: what the reload said it has said
        finally:
            daemon.send_signal(signal.SIGTERM)
            daemon.wait(60)
        said = []
        while True:
            try:
                said += notices.recv(4096).decode().splitlines()
            except BlockingIOError:
                break
        self.assertNotIn("READY=1", said)
        self.assertNotIn("RELOADING=1", said)
        self.assertIn("STOPPING=1", said, "the control: it is heard")

    def test_the_file_is_the_one_that_was_named(self):
        """However it was named, and wherever one stood: programs run in another folder."""
        key = self.dir / "key"
        key.write_text("5" * 64 + "\n")
        key.chmod(0o600)
        for words in (["--config", self.config.name], ["-c", str(self.config)], [f"--config={self.config}"]):
            launcher = subprocess.Popen([LAUNCH, *words], cwd=self.dir, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
            try:
                said = wait_until(20, lambda: [c for pid in children(launcher.pid) if b"cloister-keys" in (c := command_of(pid))], "a program")
                self.assertIn(str(self.config).encode(), said[0].split(b"\0"), words)
            finally:
                launcher.send_signal(signal.SIGTERM)
                launcher.wait(60)

    def test_links_are_given_to_nobody(self):
        """Of cloisterd's own folder: what it puts there would be given to a program's user at the launcher's next start."""
        victim = self.dir / "victim"
        for folder in (self.run_dir, victim):
            folder.mkdir(mode=0o700)
        os.chown(self.run_dir, pwd.getpwnam("cloister").pw_uid, -1)
        (self.run_dir / "agents").symlink_to(victim)
        done = subprocess.run([LAUNCH, "--config", self.config], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=60, check=False)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn(b"run/agents is not a folder itself", done.stdout)
        seen = victim.stat()
        self.assertEqual((seen.st_uid, seen.st_mode & 0o7777), (0, 0o700))
        given = self.run_dir.stat()  # the control: what is a folder is given
        self.assertEqual((pwd.getpwuid(given.st_uid).pw_name, given.st_mode & 0o7777), ("cloister", 0o711))
