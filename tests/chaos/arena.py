"""A Cloister to break: its files on a small disk, its names in a hosts file of its own, short waits."""

import json
import os
import pathlib
import subprocess
import tempfile

from cluster import Cluster, children, descendants, wait_until

DISK = "size=320m,mode=0755"


class Arena(Cluster):
    """Names resolve in a mount namespace of its own, so that they can be broken for nobody else."""

    def __init__(self):
        self.mounted = False
        super().__init__(extra="[model]\nturn_timeout_ms=8000\n[agents]\nidle_park_ms=3000\nrest_ms=0\n")

    def start_world(self):
        subprocess.run(["mount", "-t", "tmpfs", "-o", DISK, "chaos", self.dir], check=True)
        self.mounted = True
        pathlib.Path(self.dir / "hosts").write_text("127.0.0.1 localhost\n::1 localhost\n")
        pathlib.Path(self.dir / "hosts.none").write_text("127.0.0.1 elsewhere.invalid\n")
        pathlib.Path(self.dir / "resolv.none").write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
        super().start_world()
        for name in ("GOOGLE_URL", "MODEL_URL", "CONSENT_URL"):
            if name in self.named:
                self.named[name] = self.named[name].replace("127.0.0.1", "localhost")

    def quickstart(self, *args):
        """Everything is started below a shell that has a mount namespace."""
        whole = 'mount --bind "$0" /etc/hosts && mount --bind "$1" /etc/resolv.conf && shift && exec "$@"'
        words = ["unshare", "--mount", "--propagation", "private", "sh", "-ec", whole, self.dir / "hosts", self.dir / "resolv.none",
                 pathlib.Path(__file__).resolve().parents[2] / "deploy/quickstart", "--config", self.config,
                 "--listen", f"127.0.0.1:{self.port}", *args]
        done = subprocess.run(words, env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=120, check=False)
        assert done.returncode == 0, f"quickstart: {done.returncode} {done.stderr.decode()[-2000:]}"
        return done

    def names(self, right):
        """Written in place: what is bound over /etc/hosts is the file, not its name."""
        text = "127.0.0.1 localhost\n::1 localhost\n" if right else (self.dir / "hosts.none").read_text()
        with open(self.dir / "hosts", "r+", encoding="ascii") as f:
            f.truncate()
            f.write(text)

    def stop(self):
        try:
            super().stop()
        finally:
            if self.mounted:
                subprocess.run(["umount", "--lazy", self.dir], check=False, stderr=subprocess.DEVNULL)
                os.rmdir(self.dir)

    # -- what is there --
    def agents_or_none(self):
        code, out, _ = self.ctl("list", "--json")
        got = json.loads(out) if code == 0 else []
        return got["agents"] if isinstance(got, dict) else got

    def database_alive(self):
        try:
            pid = int((self.dir / "pg/postmaster.pid").read_text().split("\n")[0])
            return pathlib.Path(f"/proc/{pid}").exists()
        except (OSError, ValueError):
            return False

    def rest(self, seconds=30):
        """Everybody idle, all agents parked: what is left then is what stays."""
        wait_until(seconds, self.ready, "ready")
        wait_until(seconds, lambda: self.ctl("drain")[0] == 0 and self.ctl("drain", "off")[0] == 0, "drained")
        wait_until(seconds, self.ready, "ready again")
        wait_until(seconds, lambda: len(descendants(self.programs()["cloisterd"])) == 1, "nothing but a zygote below cloisterd")

    def inventory(self):
        """What a restart or a fault could leave behind: processes, descriptors, files."""
        programs = self.programs()
        files = sorted(str(p.relative_to(self.run)) for p in self.run.rglob("*"))
        return {
            "processes": sorted(programs) + ["below cloisterd: %d" % len(descendants(programs["cloisterd"]))],
            "below the launcher": len(children(self.launcher_pid())),
            "files": files,
            "descriptors": {name: len(os.listdir(f"/proc/{pid}/fd")) for name, pid in sorted(programs.items())},
        }
