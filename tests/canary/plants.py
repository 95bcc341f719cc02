"""Leaks on purpose, one of each kind and each in every form: the same scan that finds nothing must find them all."""

import base64
import ctypes
import json
import os
import pathlib
import re
import sqlite3
import subprocess
import tempfile
import threading
import urllib.parse

from scanner import BUILD, canary, letters

import control
import verdict
from cluster import wait_until
from population import ZONE, People, Watched

MASK = 0x5A


def forms_of(text):
    """(what the scanner calls it, the bytes), made without the scanner's own code."""
    data = text.encode()
    escaped = json.dumps(text)[1:-1]
    everything = "".join(f"\\u{ord(c):04x}" for c in text)
    quoted = urllib.parse.quote(text)
    whole = "".join(f"%{b:02x}" for b in data)
    yield "UTF-8", data
    yield "UTF-16LE", text.encode("utf-16-le")
    yield "UTF-16BE", text.encode("utf-16-be")
    for shift in range(3):
        yield f"base64+{shift}", base64.b64encode(b"x" * shift + data + b"yz")
        yield f"base64(url)?+{shift}", base64.urlsafe_b64encode(b"x" * shift + data + b"yz")
    yield "JSON", escaped.encode()
    yield "JSON", re.sub(r"\\u(\w{4})", lambda m: "\\u" + m[1].upper(), escaped).encode()
    yield "JSON, all escaped", everything.encode()
    yield "JSON, all escaped", everything.upper().replace("\\U", "\\u").encode()
    yield "percent", quoted.encode()
    yield "percent", re.sub(r"%\w\w", lambda m: m[0].lower(), quoted).encode()
    yield "percent, all", whole.encode()
    yield "percent, all", whole.upper().encode()
    yield "hex", data.hex().encode()
    yield "HEX", data.hex().upper().encode()


class Planter:
    """A process that the scanner takes for one of Cloister's."""

    def __init__(self, conninfo, argument, environment):
        self.process = subprocess.Popen(
            ["setpriv", "--reuid", "cloister-postgres", "--regid", "cloister-postgres", "--clear-groups",
             "env", "-i", f"PLANTED={environment}", BUILD / "canary-plant", conninfo, argument],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd="/")

    def plant(self, where, data):
        self.process.stdin.write(f"{where} {bytes(b ^ MASK for b in data).hex()}\n".encode())
        self.process.stdin.flush()
        assert self.process.stdout.readline() == b"ok\n", where

    def end(self):
        self.process.stdin.close()
        self.process.wait(10)


class Plants:
    def __init__(self, cluster, scanner):
        self.cluster, self.scanner, self.wanted = cluster, scanner, []
        self.folder = pathlib.Path(tempfile.mkdtemp(dir=cluster.dir))

    def want(self, what, place, form=".*"):
        """A secret that is planted as `what` and must be found in `place`, in `form`; its value."""
        value = canary()
        name = f"plant/{len(self.wanted)}"
        self.scanner.add("plant", len(self.wanted), value)
        self.wanted.append((what, name, place, form))
        return value

    def check(self, found):
        """How many were found; what was not."""
        missed = [what for what, name, place, form in self.wanted
                  if not any(f.name == name and re.search(place, f.place) and re.fullmatch(form, f.form) for f in found)]
        return len(self.wanted) - len(missed), missed

    # -- the kinds --

    def in_processes(self):
        argument, environment = (self.want("an argument", r"^cmdline of"), self.want("the environment", r"^environ of"))
        planter = Planter(f"host={self.cluster.dir}/sockets dbname=cloister", argument, environment)
        mine = rf"^memory of {planter.process.pid} .*"
        for where, place in (("heap", mine + r"\[heap\]"), ("static", mine), ("stack", mine + r"\[stack\]"),
                             ("map", mine + "anonymous"), ("read-only-map", mine + "anonymous"), ("closed-map", mine + "anonymous"),
                             ("shared-map", mine + "memfd:planted"), ("across-pages", mine + "anonymous"), ("open-file", r"\(deleted\) of"),
                             ("socket", r"^socket:.* of"), ("pipe", r"^pipe:.* of"), ("libpq", mine + r"\[heap\]")):
            planter.plant(where, self.want(f"{where} of a process", place).encode())
        # The same parameter is in the memory of the server's process too.
        what, name, _, form = self.wanted[-1]
        self.wanted.append(("memory of a PostgreSQL backend", name, r"^memory of \d+ postgres", form))
        for form in {name for name, _ in forms_of(canary())}:
            for k in range(len([n for n, _ in forms_of(canary()) if n == form])):
                value = self.want(f"{form} in the heap", mine, re.escape(form) if "?" not in form else form.replace("+", r"\+"))
                planter.plant("heap", [data for n, data in forms_of(value) if n == form][k])
        # At the end: the next block would come to lie on it.
        planter.plant("freed", self.want("a freed block", mine + r"\[heap\]").encode())
        planter.plant("thread-name", self.want("the name of a thread", r"^task/\d+/comm of").encode())
        return planter

    def in_files(self):
        planted = self.folder / "planted.log"
        with open(self.cluster.dir / "log/cloister.log", "a") as log:
            log.write(f"cloisterd: info: {self.want('a line of the log', 'log/cloister.log')}\n")
        planted.write_bytes(b"x" * ((1 << 20) - 20) + self.want("a file, across the blocks that it is read in", "planted.log").encode())
        (self.folder / self.want("the name of a file", "^the name of")).touch()
        shared = pathlib.Path("/dev/shm") / f"planted-{os.getpid()}"
        shared.write_text(self.want("shared memory with a name", "^/dev/shm/"))
        return shared

    def in_databases(self):
        sql = self.cluster.sql
        row, gone, byte = (self.want(f"{what} of PostgreSQL", "/pg/base/") for what in ("a row", "a deleted row", "bytes in a row"))
        self.wanted.append(("the WAL", self.wanted[-3][1], "/pg/pg_wal/", ".*"))
        sql(f"CREATE TABLE public.planted (text text, bytes bytea); INSERT INTO public.planted VALUES ('{row}', ''), ('{gone}', '{byte}');"
            f"DELETE FROM public.planted WHERE text = '{gone}'")
        sql("CHECKPOINT")
        held = []
        for name, mode, tail in (("wal.db", "WAL", "wal.db-wal"), ("journal.db", "DELETE", "journal.db-journal")):
            db = sqlite3.connect(self.folder / name, isolation_level=None)
            db.execute(f"PRAGMA journal_mode={mode}")
            db.execute("CREATE TABLE t (a TEXT)")
            db.execute("INSERT INTO t VALUES (?)", (self.want(f"SQLite's {mode} journal", tail),))
            db.execute("BEGIN IMMEDIATE")
            db.execute("UPDATE t SET a = 'x'")
            held.append(db)
        return held

    def run(self, found_by):
        planter, shared, held = self.in_processes(), self.in_files(), self.in_databases()
        try:
            trees, dirs, skips = self.cluster.places()
            self.scanner.where([*trees, planter.process.pid], dirs, skips)
            return self.check(found_by.scan())
        finally:
            planter.end()
            shared.unlink()
            [db.close() for db in held]
            self.cluster.sql("DROP TABLE IF EXISTS public.planted")


# ---- controls: Cloister itself, with one precaution taken away ----

PTRACE_SEIZE, PTRACE_DETACH, STOP_AT_EXIT = 0x4206, 17, 0x40


def ptrace(request, pid, data=0):
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    if libc.ptrace(request, pid, None, data) != 0:
        raise OSError(ctypes.get_errno(), f"ptrace {request} {pid}")


def turn_that_cannot_end(run):
    """A turn is held at its exit, after its answer was given: what it held is then found, in it alone."""
    people, user = run.people, run.people.users[0]
    words = people.words("turn_that_cannot_end")
    if not user.connected:
        user.connect(words)
    event = words.event()
    user.calendar([event])
    people.admin.call("POST", "/settings", {"model_delay_ms": 1500})
    answers = []
    message = words.secret("message")
    asking = threading.Thread(target=lambda: answers.append(people.front.stream(user.name, f"What do I have tomorrow? {message}", timezone=ZONE)))
    asking.start()
    try:
        turn = wait_until(60, run.cluster.turns_running, "a turn")[0]
        ptrace(PTRACE_SEIZE, turn, STOP_AT_EXIT)
        try:
            asking.join(60)
            assert answers and event["summary"] in answers[0].text, answers
            wait_until(60, lambda: "t (tracing stop)" in pathlib.Path(f"/proc/{turn}/status").read_text(), "its exit")
            people.learn_tokens(user, words)
            found = {f.name.split("/")[0] for f in run.look() if f.name.endswith(words.label) or f.name.startswith("token/")
                     if f.place.startswith(f"memory of {turn} ")}
        finally:
            os.waitpid(turn, os.WUNTRACED | 0x40000000)
            ptrace(PTRACE_DETACH, turn)
    finally:
        people.admin.call("POST", "/settings", {"model_delay_ms": 0})
    run.cluster.quiet()
    return {"calendar", "message"} & found  # its tokens it has wiped by then


class Unscrubbed(Watched):
    """The gateway leaves freed memory as it is."""

    exchanged = (str(BUILD / "cloister-gateway-unscrubbed"),)


control.INSTALLED[Unscrubbed.exchanged[0]] = "sbin/cloister-gateway"


def without_scrubbing(scanner):
    """Whether words of a few requests are then found in the gateway's memory; which of them is chance."""
    cluster = Unscrubbed()
    try:
        people = People(cluster, scanner, 1)
        user, words = people.users[0], people.words("without_scrubbing")
        user.connect(words)
        for _ in range(5):
            for _ in range(4):
                event = words.event()
                user.calendar([event])
                got = people.front.stream(user.name, f"What do I have tomorrow? {words.secret('message')}", timezone=ZONE)
                assert event["summary"] in got.text, got
            cluster.quiet()
            scanner.where(*cluster.places())
            left = {"words" for f in verdict.leaks(scanner.scan()) if " cloister-gatewa:" in f.place and f.name.endswith(words.label)}
            if left:
                break
        return left
    finally:
        cluster.stop()
