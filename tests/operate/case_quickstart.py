"""deploy/quickstart again and again, where the machine, the caller or the last run was not as it should be."""

import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import unittest

from cluster import TOP, wait_until

DATABASE = f"""set -euo pipefail
top={TOP}
. $top/deploy/lib/common.sh
. $top/deploy/lib/postgres.sh
"""


class Folder(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="cloister-quick.", dir="/var/tmp"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.dir.chmod(0o755)


class Database(Folder):
    """The private PostgreSQL."""

    def setUp(self):
        super().setUp()
        self.addCleanup(self.shell, "postgres_stop $data")

    def words(self, text):
        return ["bash", "-c", f"{DATABASE} data={self.dir}/pg sockets={self.dir}/sockets\n{text}"]

    def shell(self, text, **environment):
        done = subprocess.run(self.words(text), env={**os.environ, **environment}, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120, check=False)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        return done.stdout.decode().strip()

    def start(self, **environment):
        """As quickstart does; what the database says afterwards."""
        self.shell("postgres_running $data || postgres_start $data $sockets", **environment)
        return self.shell("as_postgres $(postgres_bin)/psql -h $sockets -d cloister -qAtc 'select 1'")

    def test_a_number_that_another_process_has_now(self):
        """After a power cut, or in a container that began anew, postmaster.pid names anybody."""
        self.assertEqual(self.start(), "1")
        pid_file = self.dir / "pg/postmaster.pid"
        lines = pid_file.read_text().splitlines()
        self.shell("as_postgres $(postgres_bin)/pg_ctl -D $data -s -m immediate stop")
        pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
        shutil.chown(pid_file, "cloister-postgres", "cloister-postgres")
        self.shell("! postgres_running $data")
        self.assertEqual(self.start(), "1")

    def test_the_callers_servers_are_no_concern(self):
        self.assertEqual(self.start(PGPORT="6000", PGHOST="db.example", PGUSER="root", PGDATABASE="mine"), "1")
        self.assertTrue((self.dir / "sockets/.s.PGSQL.5432").exists())

    def test_cut_off_while_it_is_made(self):
        making = subprocess.Popen(self.words("postgres_start $data $sockets"), stdin=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL, start_new_session=True)
        wait_until(60, lambda: list(self.dir.glob("pg*/PG_VERSION")), "a database in the making")
        os.killpg(making.pid, signal.SIGKILL)
        making.wait()
        self.assertEqual(self.start(), "1")

    def test_cut_off_between_role_and_database(self):
        self.assertEqual(self.start(), "1")
        self.shell("as_postgres $(postgres_bin)/psql -h $sockets -d postgres -qAtc 'drop database cloister'; postgres_stop $data")
        self.assertEqual(self.start(), "1")
