"""A machine that runs systemd, for tests of the units: the real program as PID 1 of namespaces of its own, on an overlay of
this machine's files, in a cgroup v2 subtree of its own. The network is this machine's."""

import hashlib
import os
import pathlib
import secrets
import shutil
import signal
import subprocess
import tempfile

from client import Frontend
from cluster import PREFIX, TOP, Cluster, children, free_port, wait_until

HERE = pathlib.Path(__file__).resolve().parent
UNITS = PREFIX / "lib/systemd/system"
SERVICES = ["cloister-keys", "cloister-egress", "cloister-notify", "cloister-business", "cloisterd", "cloister-gateway",
            "cloister-gateway-public"]
FRONT_DOOR = ["cloister-business", "cloister-notify", "cloister-gateway-public"]  # which may be left out
SYSTEMD = pathlib.Path("/lib/systemd/systemd")
BOOTED_IN_S = 30


def cgroup2():
    """Where this machine has cgroup v2, or None."""
    for line in pathlib.Path("/proc/mounts").read_text().splitlines():
        fields = line.split()
        if fields[2] == "cgroup2":
            return pathlib.Path(fields[1])
    return None


def why_not():
    """Why no systemd can be started here, or None."""
    if not SYSTEMD.exists():
        return "systemd is not installed"
    if cgroup2() is None:
        return "there is no cgroup v2 hierarchy"
    if "overlay" not in pathlib.Path("/proc/filesystems").read_text():
        return "the kernel has no overlay file system"
    return None


class Machine(Cluster):
    """Cluster's helpers (connect, ctl, …) on programs that systemd runs. `model`, `google`: see write_config."""

    def __init__(self, drop_ins=None):  # pylint: disable=super-init-not-called
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="cloister-units.", dir="/var/tmp"))
        os.chmod(self.dir, 0o755)
        self.provider, self.extra, self.world, self.systemd = "anthropic", "", None, None
        self.port, self.public_port, self.drop_ins = free_port(), free_port(), drop_ins or {}
        self.cgroup = cgroup2() / self.dir.name
        try:
            self.start_world()
            self.boot()
            self.prepare()
        except BaseException:
            self.stop()
            raise
        self.front = Frontend("127.0.0.1", self.port, self.key)

    # -- the machine --
    def boot(self):
        units = self.dir / "units"
        units.mkdir()
        for unit in UNITS.glob("*"):
            shutil.copy(unit, units)
        for service in SERVICES:
            # The unit's own /var/tmp is private; the programs under test may be installed there.
            self.drop_in(units, f"{service}.service", "[Service]", f"BindReadOnlyPaths={PREFIX} {self.dir}/world",
                         *self.drop_ins.get(service, ()))
        self.drop_in(units, "cloister-gateway.socket", "[Socket]", "ListenStream=", f"ListenStream=127.0.0.1:{self.port}")
        self.drop_in(units, "cloister-gateway-public.socket", "[Socket]", "ListenStream=", f"ListenStream=127.0.0.1:{self.public_port}")
        (units / "units-test.target").write_text("[Unit]\nRequires=basic.target\nAfter=basic.target\n")
        root = self.dir / "root"
        root.mkdir()
        self.cgroup.mkdir()
        log = open(self.dir / "systemd.log", "ab")
        script = f"echo $$ >{self.cgroup}/cgroup.procs && exec unshare -m -p -C -i -u --fork --kill-child " \
                 f"{HERE}/units_boot.sh {root} {units}"
        self.shell = subprocess.Popen(["bash", "-c", script], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.systemd = wait_until(BOOTED_IN_S, self.first_process, "systemd")
        wait_until(BOOTED_IN_S, lambda: self.does("systemctl", "is-active", "-q", "units-test.target"),
                   f"start of systemd: {(self.dir / 'systemd.log').read_text()[-500:]}")

    @staticmethod
    def drop_in(units, unit, *lines):
        folder = units / f"{unit}.d"
        folder.mkdir()
        (folder / "test.conf").write_text("\n".join(lines) + "\n")

    def first_process(self):
        assert self.shell.poll() is None, (self.dir / "systemd.log").read_text()[-1000:]
        for pid in children(self.shell.pid):
            if pathlib.Path(f"/proc/{pid}/comm").read_text().strip() == "systemd":
                return pid
        return None

    def command(self, *words):
        return ["nsenter", "-t", str(self.systemd), "-m", "-p", "-C", "-i", "-u", *[str(w) for w in words]]

    def run_in(self, *words, text=None, check=True, timeout=60):
        done = subprocess.run(self.command(*words), input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              timeout=timeout, check=False)
        assert done.returncode == 0 or not check, f"{words}: {done.returncode} {done.stdout[-500:]} {done.stderr[-1500:]}"
        return done.stdout

    def does(self, *words):
        return subprocess.run(self.command(*words), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, timeout=60, check=False).returncode == 0

    def path(self, name):
        """A file of the machine, seen from here."""
        return pathlib.Path(f"/proc/{self.systemd}/root{name}")

    def show(self, unit, prop):
        return self.run_in("systemctl", "show", "-P", prop, unit).strip()

    def main_pid(self, service):
        """As this machine counts it: of the unit's processes the one that no other of them started."""
        inner = int(self.show(f"{service}.service", "MainPID"))
        if inner == 0:
            return None
        group = self.cgroup / self.show(f"{service}.service", "ControlGroup").lstrip("/")
        for file in group.rglob("cgroup.procs"):
            for pid in file.read_text().split():
                status = pathlib.Path(f"/proc/{pid}/status").read_text()
                if f"\t{inner}\n" in [line.partition("NSpid:")[2] + "\n" for line in status.splitlines()
                                      if line.startswith("NSpid:")][0].replace(f"{pid}\t", "\t", 1):
                    return int(pid)
        return None

    # -- what an operator does --
    def encrypt(self, name, text):
        self.run_in("mkdir", "-p", "/etc/credstore.encrypted")
        self.run_in("systemd-creds", "encrypt", f"--name={name}", "-", f"/etc/credstore.encrypted/{name}", text=text)

    def prepare(self):
        run = self.run_in
        run("systemd-sysusers", f"{PREFIX}/lib/sysusers.d/cloister.conf")
        run("systemd-tmpfiles", "--create", f"{PREFIX}/lib/tmpfiles.d/cloister.conf")
        run("systemctl", "enable", "cloister.target", *FRONT_DOOR)  # as the package does the latter
        self.start_database()
        self.encrypt("cloister-kek", secrets.token_hex(32))
        self.encrypt("business-secret", secrets.token_hex(32))
        self.encrypt("cloister-google-client-secret", pathlib.Path(self.named["CLIENT_SECRET_FILE"]).read_text())
        self.encrypt("cloister-model-api-key", pathlib.Path(self.named["MODEL_KEY_FILE"]).read_text())
        self.write_config()
        # No secret has a file of its own: all come as credentials.
        config = "\n".join(line for line in self.config.read_text().splitlines()
                           if not line.startswith(("client_secret_file", "api_key_file")))
        run("mkdir", "-p", "/etc/cloister/frontends")
        run("tee", "/etc/cloister/cloister.conf", text=config + "\n[keys]\nprovider=systemd\n[database]\n"
            "url=postgresql:///cloister?host=/run/units-pg\n[business]\ndatabase_url=postgresql:///cloister?host=/run/units-pg\n"
            "[notify]\ndatabase_url=postgresql:///cloister?host=/run/units-pg\n[gateway]\n"
            f"owner_listen=127.0.0.1:{self.port}\npublic_url=http://127.0.0.1:{self.port}\n")
        self.key = secrets.token_hex(32)
        run("tee", "/etc/cloister/frontends/demo.conf",
            text=f"key_sha256={hashlib.sha256(self.key.encode()).hexdigest()}\nreturn_to=loopback\n")

    def start_database(self):
        bins = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))[-1]
        as_user = ["setpriv", "--reuid", "cloister-postgres", "--regid", "cloister-postgres", "--clear-groups", "env", "-C", "/"]
        self.run_in("install", "-d", "-o", "cloister-postgres", "/run/units-pg", "/var/lib/units-pg")
        self.run_in(*as_user, bins / "initdb", "-D", "/var/lib/units-pg", "-N", "--auth=peer", "--locale=C.UTF-8",
                    "--no-instructions")
        self.run_in("systemd-run", "-q", "--unit=units-pg.service", "-p", "User=cloister-postgres", "-p", "Type=notify",
                    bins / "postgres", "-D", "/var/lib/units-pg", "-k", "/run/units-pg", "-c", "listen_addresses=",
                    "-c", "fsync=off")
        psql = [*as_user, bins / "psql", "-h", "/run/units-pg", "-q", "-d", "postgres"]
        self.run_in(*psql, "-c", "create role cloister login", "-c", "create database cloister owner cloister")
        self.run_in(*psql[:-1], "cloister", "-v", "ON_ERROR_STOP=1", "-f", "-", text=(TOP / "deploy/conf/front-door.sql").read_text())

    def ctl(self, *args, timeout=30):
        done = subprocess.run(self.command(PREFIX / "bin/cloisterctl", *args), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout, check=False)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def journal(self, *matches):
        return self.run_in("journalctl", "-o", "json", "--no-pager", *matches)

    def log(self):
        return self.run_in("journalctl", "--no-pager", "-u", "cloister*", "-n", "100", check=False)

    def stop(self):
        if self.systemd:
            try:
                os.kill(self.systemd, signal.SIGKILL)  # with it all in its namespace
            except ProcessLookupError:
                pass
        if getattr(self, "shell", None):
            self.shell.kill()
            self.shell.wait()
        if self.world:
            self.world.kill()
            self.world.wait()
        if self.cgroup.exists():
            wait_until(10, lambda: not any(f.read_text() for f in self.cgroup.rglob("cgroup.procs")), "end of its processes")
            for folder in sorted(self.cgroup.rglob("*/"), reverse=True):
                if folder.is_dir():
                    folder.rmdir()
            self.cgroup.rmdir()
        shutil.rmtree(self.dir, ignore_errors=True)
