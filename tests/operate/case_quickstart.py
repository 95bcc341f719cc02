"""deploy/quickstart again and again, where the machine, the caller or the last run was not as it should be."""

import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import unittest

from cluster import PREFIX, TOP, free_port, processes_of, wait_until

DATABASE = f"""set -euo pipefail
top={TOP}
. $top/deploy/lib/common.sh
. $top/deploy/lib/postgres.sh
"""


class Folder(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="quick.", dir="/var/tmp"))
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


class Start(Folder):
    """With stand-ins, as the README has it."""

    name = "state"
    question = ("--ask", "Am I free tomorrow at 3pm?")

    def setUp(self):
        super().setUp()
        self.state = self.dir / self.name
        self.listen = ("--listen", f"127.0.0.1:{free_port()}", "--public-listen", f"127.0.0.1:{free_port()}")
        self.addCleanup(lambda: self.assertEqual(processes_of(self.dir), []))
        self.addCleanup(self.run_it, "--reset")

    def begin(self, *arguments, **more):
        options = {"env": {**os.environ, "CLOISTER_QUICKSTART_DIR": str(self.state), "CLOISTER_PREFIX": str(PREFIX),
                           "CLOISTER_NO_DIRECTORY": "yes", **more.pop("environment", {})}, **more}
        return subprocess.Popen([TOP / "deploy/quickstart", *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, **options)

    def end(self, began):
        out, said = began.communicate(timeout=180)
        self.assertEqual(began.returncode, 0, said.decode())
        return out.decode(), said.decode()

    def run_it(self, *arguments, **more):
        return self.end(self.begin(*arguments, **more))

    def test_a_folder_whose_name_has_blanks(self):
        self.state = self.dir / "a b"
        out, _ = self.run_it(*self.listen, *self.question)
        self.assertIn("free", out)

    def test_a_folder_that_is_named_from_where_one_stands(self):
        out, _ = self.run_it(*self.listen, *self.question, environment={"CLOISTER_QUICKSTART_DIR": self.name}, cwd=self.dir)
        self.assertIn("free", out)

    def test_a_folder_whose_name_no_setting_can_have(self):
        self.state = self.dir / "it's"
        began = self.begin(*self.listen)
        said = began.communicate(timeout=60)[1].decode()
        self.state = self.dir / self.name
        self.assertEqual(began.returncode, 1)
        self.assertIn("a folder's name may have no quotes", said)

    def test_a_proxy_hears_nothing_of_it(self):
        proxies = {name: "http://127.0.0.1:9" for name in ("http_proxy", "https_proxy", "HTTPS_PROXY", "ALL_PROXY")}
        out, _ = self.run_it(*self.listen, *self.question, environment=proxies)
        self.assertIn("free", out)

    def test_two_at_once(self):
        both = [self.begin(*self.listen, *self.question) for _ in range(2)]
        ended = [self.end(began) for began in both]
        self.assertTrue(all("free" in out for out, _ in ended), ended)
        self.assertEqual(sum("waits for it" in said for _, said in ended), 1)
        self.assertEqual(sum("Starting stand-ins" in said for _, said in ended), 1)

    def test_a_key_that_a_full_disk_left_empty(self):
        self.state.mkdir(mode=0o755)
        (self.state / "frontend.key").touch(0o600)
        self.run_it(*self.listen, *self.question)
        self.assertRegex((self.state / "frontend.key").read_text(), "^[0-9a-f]{64}\n$")

    def test_reset_deletes_what_it_made(self):
        self.state.mkdir(mode=0o755)
        (self.state / "letter").write_text("of somebody's")
        self.run_it(*self.listen, *self.question)
        _, said = self.run_it("--reset")
        self.assertEqual([path.name for path in self.state.iterdir()], ["letter"])
        self.assertIn("letter", said)

    def test_interrupted_while_it_starts(self):
        began = self.begin(*self.listen, "--foreground", start_new_session=True)
        wait_until(60, (self.state / "launch.pid").exists, "the launcher")
        os.killpg(began.pid, signal.SIGTERM)
        self.end(began)
        self.assertEqual(processes_of(self.state), [])
