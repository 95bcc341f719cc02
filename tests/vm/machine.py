"""Cloister as an operator installs it on this (virtual) machine, by docs/install.md, and the stand-ins beside it."""

import functools
import json
import os
import pathlib
import re
import secrets
import subprocess

from base import Case
from client import Frontend, WorldAdmin
from cluster import Cluster, wait_until

LOAD = pathlib.Path("/srv/vm")
DIR = pathlib.Path("/var/lib/vm")
CONF = pathlib.Path("/etc/cloister/cloister.conf")
CGROUP = pathlib.Path("/sys/fs/cgroup/system.slice")
AGENTS = CGROUP / "cloisterd.service/agents"
SERVICES = ["cloister-keys", "cloister-egress", "cloister-notify", "cloister-business", "cloisterd", "cloister-gateway",
            "cloister-gateway-public"]
SLOW = float(os.environ.get("CLOISTER_SLOW") or 1)
OWNERS, PUBLIC = 8420, 8421  # the units' own
STAND_INS = ("--persist", "--google-listen", "127.0.0.1:9441", "--model-listen", "127.0.0.1:9442", "--admin-listen", "127.0.0.1:9443")


def run(*words, text=None, check=True, timeout=120):
    done = subprocess.run([str(w) for w in words], input=text, stdin=subprocess.DEVNULL if text is None else None,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace", timeout=timeout * SLOW, check=False)
    assert done.returncode == 0 or not check, f"{words}: {done.returncode} {done.stdout[-1500:]} {done.stderr[-1500:]}"
    return done.stdout + done.stderr


def encrypt(name, text):
    pathlib.Path("/etc/credstore.encrypted").mkdir(mode=0o700, exist_ok=True)
    run("systemd-creds", "encrypt", f"--name={name}", "-", f"/etc/credstore.encrypted/{name}", text=text)


class Machine(Cluster):
    """Cluster's helpers (connect, ctl, agents, …) on programs that this machine's own systemd runs."""

    def __init__(self):  # pylint: disable=super-init-not-called
        self.dir, self.provider, self.extra = DIR, "anthropic", "[agents]\nshort_batch=2\n"
        self.port, self.public_port = OWNERS, PUBLIC
        self.told = {}
        new = not DIR.exists()
        DIR.mkdir(exist_ok=True)
        self.start_world()
        if new:
            self.install()
        self.front = Frontend("127.0.0.1", OWNERS, (DIR / "frontend.key").read_text(), timeout=60 * SLOW)

    # -- as docs/install.md says --
    def install(self):
        self.told["install"] = run("dpkg", "-i", LOAD / "deb/cloister.deb")
        run("su", "postgres", "-c", "createuser cloister && createdb -O cloister cloister")
        run("su", "postgres", "-c", "psql -q -d cloister -v ON_ERROR_STOP=1 -f /usr/share/cloister/front-door.sql")
        encrypt("cloister-google-client-secret", pathlib.Path(self.named["CLIENT_SECRET_FILE"]).read_text())
        encrypt("cloister-model-api-key", pathlib.Path(self.named["MODEL_KEY_FILE"]).read_text())
        run("systemd-creds", "encrypt", "--name=cloister-kek", "/etc/cloister/key", "/etc/credstore.encrypted/cloister-kek")
        self.told["kek"] = pathlib.Path("/etc/cloister/key").read_text().strip()
        self.write_config()
        secret_files = ("client_secret_file", "api_key_file")
        CONF.write_text("\n".join(line for line in self.config.read_text().splitlines() if not line.startswith(secret_files)) +
                        f"\n[keys]\nprovider=systemd\n[gateway]\npublic_url=http://127.0.0.1:{OWNERS}\n")
        pathlib.Path("/etc/cloister/key").unlink()
        self.told["check"] = self.ctl("config", "check")
        made = run("cloisterctl", "frontend", "add", "shop", "--return-to", "loopback")
        (DIR / "frontend.key").write_text(re.search(r"\b[0-9a-zA-Z_-]{32,}\b", made).group())
        self.told["enable"] = run("systemctl", "enable", "--now", "cloister.target")
        wait_until(60, self.is_ready, "ready")

    def start_world(self):
        world = DIR / "world"
        world.mkdir(mode=0o755, exist_ok=True)
        env = world / "world.env"
        env.unlink(missing_ok=True)
        run("systemd-run", "-q", "--unit=stand-ins", "-p", "Restart=no", LOAD / "bin/cloister-world", "--dir", world, *STAND_INS)
        wait_until(20, lambda: self.stand_ins_stand(env), "stand-ins")
        self.named = dict(line.split("=", 1) for line in env.read_text().splitlines() if "=" in line)
        self.admin = WorldAdmin(self.named["ADMIN_URL"])

    def stand_ins_stand(self, env):
        assert self.show("stand-ins.service", "ActiveState") != "failed", run("journalctl", "-u", "stand-ins.service", check=False)
        return env.exists() and env.stat().st_size

    # -- what an operator sees --
    def ctl(self, *args, timeout=30):
        done = subprocess.run(["cloisterctl", *map(str, args)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=timeout * SLOW, check=False)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def status(self):
        code, out, err = self.ctl("status", "--json")
        assert code == 0, err
        return json.loads(out)

    def is_ready(self):
        code, out, _ = self.ctl("status", "--json")
        return code == 0 and json.loads(out)["ready"]

    def show(self, service, prop):
        return run("systemctl", "show", "-P", prop, service).strip()

    def main_pid(self, service):
        return int(self.show(f"{service}.service", "MainPID"))

    def pids(self):
        return {service: self.main_pid(service) for service in SERVICES}

    def active(self, service):
        return self.show(f"{service}.service", "ActiveState") == "active"

    def journal(self, *matches):
        told = run("journalctl", "-o", "json", "--no-pager", *matches, check=False)  # 1: there is no such line
        return [json.loads(line) for line in told.splitlines() if line.startswith("{")]

    def log(self):
        return run("journalctl", "--no-pager", "-u", "cloister*", "-n", "200", check=False)

    def group_of(self, user_id):
        """The control group of that user's agent, by its process."""
        pid = next(a["pid"] for a in self.agents() if a["user"] == user_id)
        line = pathlib.Path(f"/proc/{pid}/cgroup").read_text().strip()
        return pathlib.Path("/sys/fs/cgroup" + line.partition("::")[2])

    def stop(self):
        """It is the machine's: nothing of it is stopped between cases."""


@functools.cache
def made():
    try:
        return Machine(), None
    except BaseException as error:  # pylint: disable=broad-except
        return None, error


def machine():
    """The one Cloister here. What failed once is not tried again."""
    there, error = made()
    if there is None:
        raise AssertionError("Cloister could not be installed and started") from error
    return there


def number(path):
    return int(pathlib.Path(path).read_text().split()[0])


class VmCase(Case):
    """All cases share the machine's one Cloister."""

    @classmethod
    def setUpClass(cls):
        cls.cluster = machine()
        cls.front, cls.admin = cls.cluster.front, cls.cluster.admin

    def answers(self, user=None, seconds=40):
        user = user or self.person()
        wait_until(seconds, lambda: self.front.ask(user, "Am I free tomorrow at 3pm?").status == 200, "an answer")
        return user

    def said(self, user, message, **more):
        return self.finished(self.front.stream(user, message, timezone="Europe/Berlin", **more))

    def replaced(self, service, old, seconds=40):
        now = lambda: self.cluster.active(service) and self.cluster.main_pid(service) not in (0, old)
        wait_until(seconds, now, f"another {service}")


def new_secret():
    return secrets.token_hex(32)
