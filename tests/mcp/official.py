"""The official conformance suite, and what its requirement files say."""

import json
import pathlib
import re
import subprocess
import tempfile

import yaml

HERE = pathlib.Path(__file__).resolve().parent
SUITE = HERE / "node_modules/@modelcontextprotocol/conformance"
NODE = HERE / "node_modules/.bin/node"
REVISIONS = ("2025-11-25", "2026-07-28")


def requirements(revision):
    return yaml.safe_load((SUITE / f"requirements/{revision}.yaml").read_text(encoding="utf-8"))


def required(revision):
    return requirements(revision)["server"]


def unscored(revision):
    return [row["scenario"] for row in requirements(revision)["not_scored"] if row["leg"] == "server"]


def conformance(url, revision):
    """Runs all scenarios of a revision; for each its failed checks with their words. One that checked nothing has none
    and stands as None."""
    got = {}
    with tempfile.TemporaryDirectory(prefix="cloister-conformance.") as out:
        subprocess.run([NODE, SUITE / "dist/index.js", "server", "--url", url, "--requirements", revision, "--timeout", "60000", "-o", out],
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=300, check=False)
        for path in pathlib.Path(out).rglob("checks.json"):
            name = re.fullmatch(r"server-(.*)-\d{4}-\d\d-\d\dT.*", path.parent.name).group(1)
            checks = json.loads(path.read_text(encoding="utf-8"))
            got[name] = {one["id"]: one.get("errorMessage", "") for one in checks if one["status"] == "FAILURE"} if checks else None
    return got
