"""The official conformance suite against the gateway with its fixtures: every scenario that a revision requires passes."""

import os
import pathlib
import pwd
import shutil
import subprocess
import tempfile
import unittest

from cluster import free_port, wait_until
from official import REVISIONS, conformance, required, unscored

GATEWAY = pathlib.Path(os.environ["CLOISTER_BUILD"]) / "tests/mcp/cloister-gateway-fixtures"
running = {}


def healthy(port):
    return subprocess.run(["curl", "-fsS", "--max-time", "2", f"http://127.0.0.1:{port}/healthz"], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL).returncode == 0


def setUpModule():
    """The gateway alone, without a directory behind: what the suite looks at comes from its fixtures."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="cloister-mcp.", dir="/var/tmp"))
    directory.chmod(0o755)
    for name in ("gateway", "public", "business"):
        (directory / name).mkdir(mode=0o755)
    shutil.chown(directory / "public", pwd.getpwnam("cloister-public").pw_uid)
    port = free_port()
    (directory / "fixtures.conf").write_text(
        f"[runtime]\ndir={directory}\n[gateway]\npublic_listen=127.0.0.1:{port}\npublic_pages_url=http://127.0.0.1:{port}\n")
    log = open(directory / "log", "wb")
    gateway = subprocess.Popen([GATEWAY, "--instance", "public", "--config", directory / "fixtures.conf"], stdin=subprocess.DEVNULL,
                               stdout=log, stderr=log)
    running.update(directory=directory, gateway=gateway, url=f"http://127.0.0.1:{port}/mcp")
    wait_until(10, lambda: healthy(port), "the gateway with its fixtures")
    running["results"] = {revision: conformance(running["url"], revision) for revision in REVISIONS}


def tearDownModule():
    running["gateway"].terminate()
    running["gateway"].wait(timeout=20)
    shutil.rmtree(running["directory"])


class Conformance(unittest.TestCase):
    """One test for each revision and scenario; what a revision does not score is counted as skipped where it fails."""


def add(revision, name, scored):
    def check(self):
        failures = running["results"][revision].get(name)
        if failures != {} and not scored:
            self.skipTest(f"not required: {sorted(failures or [])}")
        self.assertEqual(failures, {})

    setattr(Conformance, f"test_{revision}_{name}".replace("-", "_"), check)


for one in REVISIONS:
    for each in required(one):
        add(one, each, True)
    for each in unscored(one):
        add(one, each, False)
