"""Control clusters and liars for the cases: a whole Cloister in which one program is another, and a gateway that
says whatever a test wants."""

import contextlib
import json
import os
import pathlib
import queue
import shutil
import signal
import subprocess
import threading

from cluster import PREFIX, TOP, Cluster, kill, wait_until

BUILD = pathlib.Path(os.environ.get("CLOISTER_BUILD") or PREFIX.parent / "build") / "tests/control"
INSTALLED = {
    "cloisterd-control": "sbin/cloisterd",
    "cloister-gateway-control": "sbin/cloister-gateway",
    "cloister-keys-control": "sbin/cloister-keys",
    "cloister-agent-control": "libexec/cloister/cloister-agent",
}


class ControlCluster(Cluster):
    """A cluster that runs the programs named in `exchanged` in place of the installed ones: quickstart runs in a
    mount namespace of its own, where they lie over them. Everything else is as installed."""

    exchanged = ()
    frontends = {}  # name -> (key, [return_to])

    def write_config(self):
        super().write_config()
        folder = self.dir / "etc/frontends"
        folder.mkdir(parents=True, exist_ok=True)
        for name, (key, returns) in self.frontends.items():
            digest = subprocess.run(["sha256sum"], input=key.encode(), stdout=subprocess.PIPE, check=True).stdout.decode().split()[0]
            (folder / f"{name}.conf").write_text(f"key_sha256={digest}\n" + "".join(f"return_to={r}\n" for r in returns))

    def quickstart(self, *args):
        if not self.exchanged:
            return super().quickstart(*args)
        script, pairs = 'while [ "$1" != -- ]; do mount --bind "$1" "$2"; shift 2; done; shift; exec "$@"', []
        for name in self.exchanged:
            pairs += [self.copy(name), PREFIX / INSTALLED[name]]
        done = subprocess.run(
            ["unshare", "--mount", "--propagation", "private", "sh", "-ec", script, "sh", *pairs, "--",
             TOP / "deploy/quickstart", "--config", self.config, "--listen", f"127.0.0.1:{self.port}", *args],
            env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
        assert done.returncode == 0, f"quickstart: {done.returncode} {done.stderr.decode()[-2000:]}"
        return done

    def copy(self, name):
        """The control program with the owner and mode of the one it stands for, set-user-ID included."""
        real = (PREFIX / INSTALLED[name]).stat()
        folder = self.dir / "control"
        folder.mkdir(mode=0o755, exist_ok=True)
        path = folder / pathlib.Path(INSTALLED[name]).name
        if not path.exists():
            shutil.copy(BUILD / name, path)
            os.chown(path, real.st_uid, real.st_gid)
            os.chmod(path, real.st_mode & 0o7777)
        return path

    @contextlib.contextmanager
    def without(self, *rules):
        """Takes rules away while it lasts; the control programs look at every question (tests/control/switch.h)."""
        path = self.dir / "etc/rules-off"
        fresh = path.with_name("rules-off.new")
        fresh.write_text("".join(f"{rule}\n" for rule in rules))
        fresh.rename(path)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)

    def sql(self, text):
        """Runs a statement as the database's superuser; rows as lists of text."""
        bins = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))[-1]
        done = subprocess.run(
            ["setpriv", "--reuid", "cloister-postgres", "--regid", "cloister-postgres", "--clear-groups", "env", "-C", "/",
             bins / "psql", "-h", self.dir / "sockets", "-d", "cloister", "-qAtX", "-v", "ON_ERROR_STOP=1",
             "-c", "SET search_path = cloister, public", "-c", text],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=30)
        assert done.returncode == 0, done.stderr.decode()
        return [line.split("|") for line in done.stdout.decode().splitlines()]

    def turns(self, frontend, user):
        """How many turns this user's agent has run."""
        found = self.sql(f"SELECT id FROM users WHERE frontend = '{frontend}' AND name = '{user}'")
        return sum(a["turns"] for a in self.agents() if found and a["user"] == found[0][0])


class Told:
    """What cloisterd answered: the body's name, its fields, and the text that was streamed before."""

    def __init__(self, kind, fields, text="", renewed=None):
        self.kind, self.fields, self.text, self.renewed = kind, fields, text, renewed

    @property
    def code(self):
        return self.fields["code"] if self.kind == "failure" else ""

    @property
    def status(self):
        return self.fields["status"] if self.kind == "failure" else 0

    def __repr__(self):
        return f"<{self.kind} {self.fields} {self.text[:200]!r}>"


FINAL = {"chat_done", "failure", "ok", "connect_link", "connect_redirect", "redeemed", "connection_state",
         "connection_deleted", "memories", "session_state", "health"}


class Liar:
    """In the gateway's place while the block lasts. The launcher is held meanwhile, so that it starts no other."""

    def __init__(self, cluster):
        self.cluster, self.last = cluster, 0

    def __enter__(self):
        cluster = self.cluster
        self.launcher = cluster.launcher_pid()
        gateway = wait_until(10, lambda: cluster.programs().get("cloister-gateway"), "a gateway")
        os.kill(self.launcher, signal.SIGSTOP)
        kill(gateway)
        self.process = None
        self.greet("owner")
        return self

    def greet(self, instance):
        """Connects anew, as this instance."""
        self.end()
        self.heard = queue.Queue()
        self.process = subprocess.Popen(
            ["setpriv", "--reuid", "cloister-gateway", "--regid", "cloister-gateway", "--clear-groups",
             BUILD / "lying-gateway", self.cluster.run / "gateway/owner.ipc", instance],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd="/")
        threading.Thread(target=self.listen, args=(self.process, self.heard), daemon=True).start()
        assert self.heard.get(timeout=10) == {"up": True}

    @staticmethod
    def listen(process, heard):
        for line in process.stdout:
            heard.put(json.loads(line))
        heard.put({"down": True})

    def end(self):
        if self.process is not None:
            self.process.stdin.close()
            self.process.wait(10)

    def __exit__(self, *_):
        self.end()
        os.kill(self.launcher, signal.SIGCONT)

    def ask(self, body, caller=None, timeout=60, **fields):
        """Sends one request; Told, or kind "down" when cloisterd ended the connection instead (greet again then)."""
        self.last += 1
        if caller is not None:
            fields["caller"] = caller
        if body == "chat_request":
            fields.setdefault("credit", 1 << 20)
        self.process.stdin.write(json.dumps({body: {"request": self.last, **fields}}).encode() + b"\n")
        self.process.stdin.flush()
        text, renewed = "", None
        while True:
            got = self.heard.get(timeout=timeout)
            if "down" in got or "unsent" in got:
                return Told("down", {}, text)
            for kind, answer in got.items():
                if not isinstance(answer, dict) or answer.get("request") != self.last:
                    continue
                if kind == "chat_delta":
                    text += answer["text"]
                elif kind == "grant_renewed":
                    renewed = answer["grant"]
                elif kind in FINAL:
                    return Told(kind, answer, text, renewed)
