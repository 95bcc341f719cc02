"""Starts stand-ins and a whole Cloister through deploy/quickstart --config, as an operator would."""

import contextlib
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from client import Browser, Frontend, WorldAdmin, query_of

TOP = pathlib.Path(__file__).resolve().parents[2]
PREFIX = pathlib.Path(os.environ["CLOISTER_PREFIX"])
SLOW = float(os.environ.get("CLOISTER_SLOW") or 1)  # so many times longer than usual may everything take
RETURN_TO = "http://127.0.0.1:8429/connected"


def free_port():
    """Below those that connections take for themselves, so that none has it until somebody listens."""
    while True:
        with socket.socket() as s:
            port = random.randrange(12000, 32000)
            with contextlib.suppress(OSError):
                s.bind(("127.0.0.1", port))
                return port


def wait_until(seconds, check, what):
    """Polls `check` until it gives something true; what it gave, or an error that names `what`."""
    end = time.monotonic() + seconds * SLOW
    while True:
        got = check()
        if got:
            return got
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.02)


class Cluster:
    def __init__(self, provider="anthropic", extra=""):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="cloister-main.", dir="/var/tmp"))
        os.chmod(self.dir, 0o755)
        self.provider, self.extra = provider, extra
        self.port, self.public_port = free_port(), free_port()
        self.env = {**os.environ, "CLOISTER_QUICKSTART_DIR": str(self.dir), "CLOISTER_PREFIX": str(PREFIX)}
        self.world = None
        try:
            self.start_world()
            self.write_config()
            self.quickstart()
        except BaseException:
            self.stop()
            raise
        key = (self.dir / "frontend.key").read_text().strip()
        self.front = Frontend("127.0.0.1", self.port, key)
        self.run = self.dir / "run"

    # -- the parts --
    # A subclass may put the stand-ins elsewhere: another network namespace, other addresses.
    world_prefix, world_options = (), ()

    def start_world(self):
        world = self.dir / "world"
        world.mkdir(mode=0o755, exist_ok=True)
        log = open(self.dir / "world.log", "ab")
        self.world = subprocess.Popen(
            [*self.world_prefix, PREFIX / "libexec/cloister/cloister-world", "--dir", world, *self.world_options],
            stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        wait_until(60, lambda: (world / "world.env").exists() and (world / "world.env").stat().st_size, "stand-ins")
        lines = (world / "world.env").read_text().splitlines()
        self.named = dict(line.split("=", 1) for line in lines if "=" in line)
        self.admin = WorldAdmin(self.named["ADMIN_URL"])

    def write_config(self):
        n = self.named
        base = n["MODEL_URL"] + ("/v1" if self.provider == "openai" else "")
        host = lambda url: url.split("://", 1)[1]
        self.config = self.dir / "operator.conf"
        self.config.write_text(f"""
[google]
client_id={n['CLIENT_ID']}
client_secret_file={n['CLIENT_SECRET_FILE']}
auth_url={n['GOOGLE_URL']}/o/oauth2/v2/auth
token_url={n['GOOGLE_URL']}/token
revoke_url={n['GOOGLE_URL']}/revoke
calendar_url={n['GOOGLE_URL']}/calendar/v3
ca_file={n['CA_FILE']}
[model]
provider={self.provider}
base_url={base}
model=stand-in
api_key_file={n['MODEL_KEY_FILE']}
ca_file={n['CA_FILE']}
[gateway]
public_listen=127.0.0.1:{self.public_port}
[egress]
allow={host(n['GOOGLE_URL'])} {host(n['MODEL_URL'])}
{self.extra}
""")

    def quickstart(self, *args):
        done = subprocess.run(
            [TOP / "deploy/quickstart", "--config", self.config, "--listen", f"127.0.0.1:{self.port}", *args],
            env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
        assert done.returncode == 0, f"quickstart: {done.returncode} {done.stderr.decode()[-2000:]}"
        return done

    def stop(self):
        subprocess.run([TOP / "deploy/quickstart", "--reset"], env=self.env, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=120, check=False)
        if self.world:
            self.world.kill()
            self.world.wait()
        left = processes_of(self.dir)
        assert not left, f"left running after --reset: {left}"
        shutil.rmtree(self.dir, ignore_errors=True)

    def log(self):
        return (self.dir / "log/cloister.log").read_text(errors="replace")

    # -- users --
    def link(self, user, features=("availability", "events"), front=None, return_to=RETURN_TO, **more):
        made = (front or self.front).user("POST", user, "connect-links", {"features": list(features), "return_to": return_to, **more})
        assert made.status == 201, made
        return made.json["url"]

    def connect(self, user, account=None, features=("availability", "events"), scopes=None, timezone="Europe/Berlin",
                events=(), front=None, return_to=RETURN_TO, **more):
        """The whole way through link, consent page and redeem, as a user of `front` (the cluster's own); `more` is the link's."""
        account, front = account or user, front or self.front
        self.admin.account(account, timezone, events)
        browser = Browser(self.named["CA_FILE"])
        opened = browser.visit("GET", self.link(user, features, front, return_to, **more))
        assert opened.status == 302, f"link: {opened.status} {opened.body[:300]}"
        back = browser.consent(opened.headers["Location"], account, scopes)
        landed = browser.visit("GET", back)
        assert landed.status == 302, f"callback: {landed.status} {landed.body[:600]}"
        code = query_of(landed.headers["Location"])["code"]
        redeemed = front.user("POST", user, "connections/redeem", {"code": code})
        assert redeemed.status == 200 and redeemed.json["grant"], redeemed
        return redeemed.json

    # -- processes --
    def launcher_pid(self):
        return int((self.dir / "launch.pid").read_text())

    def programs(self):
        """name -> pid of what the launcher runs now."""
        got = {}
        for pid in children(self.launcher_pid()):
            got[program_of(pid)] = pid
        return got

    def cell_pids(self):
        """zygote, agents and turns: every process of the agent's uid below this cloisterd."""
        return descendants(self.programs().get("cloisterd", -1))

    def zygote(self):
        agents = {a["pid"] for a in self.agents()}
        mine = [p for p in children(self.programs()["cloisterd"]) if p not in agents]
        return mine[0] if mine else None

    def ctl(self, *args, timeout=30):
        done = subprocess.run([PREFIX / "bin/cloisterctl", "--config", self.dir / "etc/cloister.conf", *args],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def agents(self):
        code, out, err = self.ctl("list", "--json")
        assert code == 0, err
        got = json.loads(out)
        return got["agents"] if isinstance(got, dict) else got

    def ready(self):
        try:
            return self.front.request("GET", "/healthz").status == 200 and self.readyz()
        except OSError:
            return False

    def not_ready(self):
        """What `cloister-launch ready` says of programs that are not: the front door's too."""
        done = subprocess.run([PREFIX / "sbin/cloister-launch", "--config", self.dir / "etc/cloister.conf", "ready"],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
        return [] if done.returncode == 0 else done.stdout.decode().splitlines() or ["the launcher does not answer"]

    def readyz(self):
        return subprocess.run(["curl", "-fsS", "--max-time", "2", "--unix-socket", self.run / "operator/gateway-owner.sock",
                               "http://localhost/readyz"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0

    @contextlib.contextmanager
    def psql(self):
        """A session of the database's owner that stays open; closed, its locks are gone."""
        with subprocess.Popen(["setpriv", "--reuid", "cloister-postgres", "--regid", "cloister-postgres", "--clear-groups", "env", "-C", "/",
                               "psql", "-XAtq", "-h", self.dir / "sockets", "-d", "cloister", "-v", "ON_ERROR_STOP=1"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as session:
            def run(statement):
                session.stdin.write(f"{statement};\n\\echo done\n")
                session.stdin.flush()
                for line in session.stdout:
                    if line == "done\n":
                        return
                raise AssertionError(f"refused: {statement}")
            session.run = run
            try:
                yield session
            finally:
                session.kill()

    def postgres(self, action):
        bins = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))[-1]
        command = [bins / "pg_ctl", "-D", self.dir / "pg", "-s", "-w", "-t", "30"]
        command += ["-m", "fast", "stop"] if action == "stop" else ["-l", self.dir / "pg/server.log", "start"]
        subprocess.run(["setpriv", "--reuid", "cloister-postgres", "--regid", "cloister-postgres", "--clear-groups",
                        "env", "-C", "/", *command], check=True, timeout=60, stdout=subprocess.DEVNULL)


def program_of(pid):
    """The file that it runs, and which instance of it, as programs.def names them."""
    try:
        name = pathlib.Path(os.readlink(f"/proc/{pid}/exe").removesuffix(" (deleted)")).name
        words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return ""
    return f"{name}-public" if b"--instance" in words and b"public" in words else name


def children(pid):
    got = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text(errors="replace")
            except OSError:
                continue
            fields = stat[stat.rindex(")") + 2:].split()
            if fields[0] != "Z" and int(fields[1]) == pid:
                got.append(int(entry.name))
    return got


def descendants(pid):
    got = []
    for child in children(pid):
        got += [child, *descendants(child)]
    return got


def processes_of(directory):
    """Living processes that were started for this cluster, whoever their parent is now."""
    got = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit() and alive(int(entry.name)):
            try:
                words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if f"{directory}/" in words:
                got.append((int(entry.name), words))
    return got


def alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text(errors="replace").rsplit(")", 1)[1].split()[0] not in ("Z", "X")
    except OSError:
        return False


def kill(pid):
    os.kill(pid, signal.SIGKILL)
    wait_until(5, lambda: not alive(pid), f"death of {pid}")
