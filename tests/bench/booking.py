"""Confirmed bookings a second, beside pgbench running the bare SQL of a hold and a confirmation on the same server."""

import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import tempfile
import time

from shared import LIBEXEC, QUICK, busy_note, report

TOP = pathlib.Path(__file__).resolve().parents[2]
BOOKINGS, ROUNDS = (300, 1) if QUICK else (4000, 5)
AT_ONCE = 32
MIGRATIONS = len(list((TOP / "business/migrations").glob("*.sql")))
CONNECTIONS = 4  # of the program's pool
TICK_US = 1_000_000 / os.sysconf("SC_CLK_TCK")
AS = lambda user: ["setpriv", "--reuid", user, "--regid", user, "--clear-groups", "env", "-C", "/"]

# What a hold and a confirmation are, with the constraint and the indexes of business/migrations and nothing around them.
BARE = r"""
\set owner :client_id
WITH b AS (INSERT INTO bookings (reference, owner, business, service, status, step, starts_at, ends_at, buffer_before, buffer_after,
  zone, event, details, due_at) SELECT 'B-' || translate(lpad(n::text, 5, '2'), '01', 'AB') || '-22222', :owner, 'shop', 'cut', 'holding', 'book',
  t, t + interval '15 minutes', '0', '0', 'UTC', 'e' || n, '{}', now() FROM (SELECT n, now() + n * interval '15 minutes' AS t
  FROM nextval('bare') AS n) AS n RETURNING reference, owner, starts_at, ends_at)
INSERT INTO slots (booking, owner, during, held_until) SELECT reference, owner, tstzrange(starts_at, ends_at), now() + interval '5 minutes'
  FROM b RETURNING booking AS reference \gset
WITH s AS (UPDATE slots SET held_until = NULL WHERE booking = :reference)
UPDATE bookings SET status = 'confirmed', step = '', due_at = NULL, version = version + 1 WHERE reference = :reference;
"""


def ticks(pid):
    """Processor time of a process: its own; with that of the children it has waited for."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    own, waited = [sum(map(int, fields[i:i + 2])) for i in (11, 13)]
    return own, own + waited


class Server:
    """A private PostgreSQL as the quickstart makes it, and the program on it."""

    def __init__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="cloister-bench.", dir="/var/tmp"))
        os.chmod(self.dir, 0o755)
        self.business = None
        self.shell(f"top={TOP}; . $top/deploy/lib/common.sh; . $top/deploy/lib/postgres.sh; postgres_start {self.dir}/pg {self.dir}/sockets")
        (self.dir / "run/business").mkdir(parents=True)
        shutil.chown(self.dir / "run/business", "cloister-business", "cloister-business")
        self.config = self.dir / "cloister.conf"
        self.config.write_text(f"""
[runtime]
dir={self.dir}/run
[business]
database_url=postgresql:///cloister?host={self.dir}/sockets&user=cloister-business
calls_per_minute=0
client_calls_per_minute=0
business_calls_per_minute=0
person_per_hour=0
made_per_hour=0
""")

    def shell(self, text):
        subprocess.run(["bash", "-euc", text], check=True, stdout=subprocess.DEVNULL, timeout=120)

    def sql(self, text):
        subprocess.run([*AS("cloister-postgres"), "psql", "-XAtq", "-h", self.dir / "sockets", "-d", "cloister", "-v", "ON_ERROR_STOP=1",
                        "-c", text], check=True, timeout=60, stdout=subprocess.DEVNULL)

    def start(self):
        self.business = subprocess.Popen([*AS("cloister-business"), LIBEXEC / "bench-booking", "serve", self.config],
                                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 20
        while time.monotonic() < end:
            done = subprocess.run([*AS("cloister-postgres"), "psql", "-XAtq", "-h", self.dir / "sockets", "-d", "cloister", "-c",
                                   "SELECT count(*) FROM business.schema_migrations"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            if done.returncode == 0 and int(done.stdout) >= MIGRATIONS:
                return
            time.sleep(0.05)
        raise RuntimeError("cloister-business did not start")

    def spent(self):
        """Processor time so far in µs: PostgreSQL with all its processes, those that ended included; the program."""
        master = int((self.dir / "pg/postmaster.pid").read_text().split()[0])
        postgres = ticks(master)[1]
        for child in pathlib.Path(f"/proc/{master}/task/{master}/children").read_text().split():
            try:
                postgres += ticks(child)[0]
            except FileNotFoundError:
                pass  # ended since: counted with what its parent has waited for, in the next look
        return postgres * TICK_US, ticks(self.business.pid)[0] * TICK_US

    def timed(self, run, n, *args):
        """A run's figure, and what a booking cost meanwhile."""
        before = self.spent()
        figure = run(n, *args)
        return figure, *[(after - was) / n for after, was in zip(self.spent(), before)]

    def book(self, n):
        done = subprocess.run([*AS("cloister-business"), LIBEXEC / "bench-booking", "load", self.config, str(n), str(AT_ONCE)],
                              stdout=subprocess.PIPE, check=True, timeout=300)
        got = json.loads(done.stdout)
        return got["bookings"] / got["seconds"]

    def bare(self, n, clients):
        """One statement after the other on each connection."""
        script = self.dir / "bare.sql"
        script.write_text(BARE)
        bins = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))[-1]
        done = subprocess.run([*AS("cloister-postgres"), "PGOPTIONS=-c search_path=business", bins / "pgbench", "-h", self.dir / "sockets", "-n", "-M", "prepared", "-c", str(clients),
                               "-j", "1", "-t", str(n // clients), "-f", script, "cloister"],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300)
        assert done.returncode == 0, done.stderr.decode()
        return float(re.search(r"tps = ([\d.]+)", done.stdout.decode()).group(1))

    def empty(self):
        self.sql("TRUNCATE business.bookings, business.slots, business.used_keys, business.inquiries, business.outbox, business.calls; CHECKPOINT")

    def stop(self):
        if self.business:
            self.business.kill()
            self.business.wait()
        self.shell(f"top={TOP}; . $top/deploy/lib/common.sh; . $top/deploy/lib/postgres.sh; postgres_stop {self.dir}/pg")
        shutil.rmtree(self.dir, ignore_errors=True)


def medians(rows):
    return [statistics.median(column) for column in zip(*rows)]


def bench_booking():
    server = Server()
    try:
        server.start()
        server.sql("CREATE SEQUENCE IF NOT EXISTS business.bare START 20000 MAXVALUE 99999 CYCLE")
        ours, bare = [], {CONNECTIONS: [], AT_ONCE: []}
        for _ in range(ROUNDS):  # alternately, so that a noisy minute hits all of them
            for clients, rows in bare.items():
                server.empty()
                rows.append(server.timed(server.bare, BOOKINGS, clients))
            server.empty()
            ours.append(server.timed(server.book, BOOKINGS))
        rate, postgres, program = medians(ours)
        clients, (bare_rate, bare_postgres, _) = max(((clients, medians(rows)) for clients, rows in bare.items()), key=lambda one: one[1][0])
        n, rival = ROUNDS * BOOKINGS, f"pgbench, bare SQL, {clients} connections"
        report("booking", "confirmed", rate, "1/s", rival, bare_rate, n,
               f"without the calendar step; {AT_ONCE} at once over {CONNECTIONS} connections, with idempotency key, rows for two notices and a row in "
               f"the log; pgbench's better one of {CONNECTIONS} and {AT_ONCE} connections; {busy_note()}")
        # What a busy machine changes less than the clock.
        report("booking", "postgres_time", postgres, "µs", rival, bare_postgres, n, "processor time for a booking")
        report("booking", "program_time", program, "µs", n=n, note="processor time for a booking, cloister-business")
    finally:
        server.stop()
