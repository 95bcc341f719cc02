"""cloister-business and cloister-notify taken over: what code in their process can still do, once they are confined, to the machine,
the other programs, files that are not theirs, and PostgreSQL.

daemon_taken.c becomes what they are by the very call that they make. Each attempt is made with its walls in place, behind each of them
alone, and with all of them away: then it must work."""

import contextlib
import itertools
import os
import pathlib
import shutil
import subprocess

from stage import BUILD, Controls  # first: it finds the other suites' helpers
from data_peers import USERS, as_user, tries

WHO = ("business", "notify")
FILTER, USER = ("filter",), ("own-user",)


def tried_by(stage, who, away, *attempt):
    """As it says itself."""
    walls = ",".join(w for w in away if w in FILTER + USER) or "-"
    done = subprocess.run([BUILD / "hostile/hostile-daemon", who, walls, *map(str, attempt)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          cwd="/", timeout=60)
    return done.stdout.decode().strip().splitlines()[0].replace("stopped ", "stopped: ") if done.stdout else f"no word of it: {done.returncode}"


def itself(*attempt):
    return lambda stage, who, away: tried_by(stage, who, away, *attempt)


def other(stage, who):
    """A program of another user's."""
    return stage.programs()["cloister-egress"]


def to_another(attempt):
    return lambda stage, who, away: tried_by(stage, who, away, attempt, other(stage, who))


def memory_of_another(stage, who, away):
    pid = other(stage, who)
    first = pathlib.Path(f"/proc/{pid}/maps").read_text().split("-")[0]
    return tried_by(stage, who, away, "vm_read", f"{pid} {first}")


def proc_of_another(name):
    return lambda stage, who, away: tried_by(stage, who, away, "read", f"/proc/{other(stage, who)}/{name}")


# ---- files ----

@contextlib.contextmanager
def mode(path, bits):
    before = path.stat().st_mode & 0o7777
    os.chmod(path, bits)
    try:
        yield
    finally:
        os.chmod(path, before)


def secret(path_of):
    """A file that is another program's alone; "file-mode": everybody may read it."""
    def attempt(stage, who, away):
        path = path_of(stage)
        with mode(path, 0o644) if "file-mode" in away else contextlib.nullcontext():
            return tried_by(stage, who, away, "read", path)
    return attempt


def mail_password(stage):
    path = stage.dir / "etc/smtp-password"
    if not path.exists():
        path.write_text("nobody's but cloister-notify's\n")
        shutil.chown(path, USERS["notify"], USERS["notify"])
        path.chmod(0o400)
    return path


def configuration(stage, who, away):
    path = stage.dir / "etc/cloister.conf"
    with mode(path, 0o666) if "file-mode" in away else contextlib.nullcontext():
        return tried_by(stage, who, away, "write", path)


def in_folder(name):
    """Something of its own where others listen; "folder-mode": everybody may."""
    def attempt(stage, who, away):
        folder = stage.run / name
        with mode(folder, 0o777) if "folder-mode" in away else contextlib.nullcontext():
            return tried_by(stage, who, away, "make", folder / "hostile.sock")
    return attempt


# ---- PostgreSQL ----

def asks(statement, grant, revoke):
    """"pg-power": what the statement needs is granted to its role; it is undone, whatever it did."""
    def attempt(stage, who, away):
        role = f'"{USERS[who]}"'
        if "pg-power" in away:
            stage.sql(grant.format(role=role))
        try:
            client = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))[-1] / "psql"
            process = as_user(who, client, "-h", stage.dir / "sockets", "-d", "cloister", "-AtXqw", "-v", "ON_ERROR_STOP=1",
                              "-c", f"BEGIN; {statement}; ROLLBACK", stderr=subprocess.PIPE)
            told, wrong = process.communicate(timeout=30)
            return "out: done" if process.returncode == 0 else f"stopped: {wrong.decode().strip().splitlines()[0]}"
        finally:
            if "pg-power" in away:
                stage.sql(revoke.format(role=role))
    return attempt


def granted(what, on):
    return f"GRANT {what} ON {on} TO {{role}}", f"REVOKE {what} ON {on} FROM {{role}}"


def member(role):
    return f'GRANT {role} TO {{role}}', f'REVOKE {role} FROM {{role}}'


def both(*pairs):
    return tuple("; ".join(words) for words in zip(*pairs))


ATTEMPTS = [
    ("run a program", itself("exec", "/bin/true"), WHO, FILTER),
    ("become root", itself("root"), WHO, USER),
    ("a user namespace", itself("namespace"), WHO, FILTER),
    ("a file in memory, to be run", itself("memfd"), WHO, FILTER),
    ("the kernel's keyrings", itself("keyring"), WHO, FILTER),
    ("mount", itself("mount"), WHO, FILTER + USER),
    ("a packet socket", itself("packet"), WHO, FILTER + USER),
    ("a raw socket", itself("raw"), WHO, FILTER + USER),
    ("a netlink socket of the audit", itself("audit"), WHO, FILTER),
    ("an IPv4 socket", itself("internet"), ("notify",), FILTER),
    ("an IPv6 socket", itself("internet6"), ("notify",), FILTER),
    ("ptrace of another program", to_another("ptrace"), WHO, FILTER + USER),
    ("memory of another program", memory_of_another, WHO, FILTER + USER),
    ("a signal to another program", to_another("signal"), WHO, USER),
    ("/proc/PID/environ of another program", proc_of_another("environ"), WHO, USER),
    ("/proc/PID/mem of another program", proc_of_another("maps"), WHO, USER),
    ("the key-encryption key", secret(lambda stage: stage.dir / "etc/key"), WHO, ("file-mode",)),
    ("the key of bookings' links", secret(lambda stage: stage.dir / "etc/business-secret"), ("notify",), ("file-mode",)),
    ("the mail server's password", secret(mail_password), ("business",), ("file-mode",)),
    ("to write the configuration", configuration, WHO, ("file-mode",)),
    ("a socket in the gateway's folder", in_folder("gateway"), WHO, ("folder-mode",)),
    ("a socket in cloister-keys' folder", in_folder("keys"), WHO, ("folder-mode",)),
    ("a socket in cloister-business's folder", in_folder("business"), ("notify",), ("folder-mode",)),
    ("PostgreSQL: to act as cloisterd's role", asks('SET ROLE "cloister"', *member('"cloister"')), WHO, ("pg-power",)),
    ("PostgreSQL: to change connections", asks("UPDATE cloister.connections SET state = state",
     *both(granted("USAGE", "SCHEMA cloister"), granted("SELECT, UPDATE", "cloister.connections"))), WHO, ("pg-power",)),
    ("PostgreSQL: to read a file of the server's", asks("SELECT pg_read_file('PG_VERSION')",
     *granted("EXECUTE", "FUNCTION pg_read_file(text)")), WHO, ("pg-power",)),
    ("PostgreSQL: to run a program as the server", asks("COPY (SELECT 1) TO PROGRAM 'cat >/dev/null'",
     *member("pg_execute_server_program")), WHO, ("pg-power",)),
    ("PostgreSQL: hashes of passwords", asks("SELECT count(*) FROM pg_authid", *granted("SELECT", "pg_authid")), WHO, ("pg-power",)),
    ("PostgreSQL: inquiries, which are cloister-business's", asks("SELECT count(*) FROM business.inquiries",
     *granted("SELECT", "business.inquiries")), ("notify",), ("pg-power",)),
    ("PostgreSQL: where owners are told", asks("SELECT count(*) FROM business.notifications",
     *granted("SELECT", "business.notifications")), ("notify",), ("pg-power",)),
    ("PostgreSQL: a notice of its own making", asks(
        "INSERT INTO business.outbox (kind, to_kind, business, reference, payload) VALUES ('inquiry_new', 'owner', '', '', '{}')",
        *granted("INSERT", "business.outbox")), ("notify",), ("pg-power",)),
]


def run(stage, judge):
    """`judge(title, who, walls, left, told, wanted)` hears each."""
    for title, attempt, everybody, walls in ATTEMPTS:
        for who, (away, left, wanted) in itertools.product(everybody, tries(walls)):
            judge(title, who, walls, left, attempt(stage, who, away), wanted)


if __name__ == "__main__":
    played = Controls()
    try:
        run(played, lambda *told: print(*told, flush=True))
    finally:
        played.stop()
