#!/usr/bin/env python3
"""A whole Cloister with stand-ins for the browser tests. Usage: cluster.py FILE

Writes what the tests need to know to FILE, prints "ready", and lives until its standard input ends."""

import json
import pathlib
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests/main"))

from cluster import Cluster  # noqa: E402


def main():
    cluster = Cluster(extra="[budgets]\nuser_tokens_per_day=1000000000\n")  # budget.test.js uses it up
    try:
        psql = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))[-1] / "psql"
        pathlib.Path(sys.argv[1]).write_text(json.dumps({
            "url": f"http://127.0.0.1:{cluster.port}",
            "public": f"http://127.0.0.1:{cluster.public_port}",
            "google": cluster.named["GOOGLE_URL"],
            "admin": cluster.named["ADMIN_URL"],
            "launcher": cluster.launcher_pid(),
            "log": str(cluster.dir / "log/cloister.log"),
            "psql": ["setpriv", "--reuid", "cloister-postgres", "--regid", "cloister-postgres", "--clear-groups", "env", "-C",
                     "/", str(psql), "-h", str(cluster.dir / "sockets"), "-d", "cloister", "-qAtX", "-v", "ON_ERROR_STOP=1", "-c"],
        }))
        print("ready", flush=True)
        sys.stdin.read()
    finally:
        cluster.stop()


main()
