"""What callers write is nowhere afterwards: a canary in every argument of every tool, looked for in the operational log,
in all tables of the front door's schema, in every program's log and in the metrics. With a control: what may be kept is
found, and so is a canary that was planted."""

import json
import pathlib
import re
import subprocess
import urllib.error
import urllib.request
import uuid

from cluster import wait_until


def ask(stage, method, params, client=None):
    """`client` names the one that asks, which the operational log keeps: revision 2026-07-28 says it with every request."""
    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    if client is not None:
        about = "io.modelcontextprotocol/"
        params = {**params, "_meta": {about + "protocolVersion": "2026-07-28", about + "clientCapabilities": {},
                                      about + "clientInfo": {"name": client, "version": "1"}}}
        headers.update({"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": method, "Mcp-Name": params["name"]})
    body = json.dumps({"jsonrpc": "2.0", "id": uuid.uuid4().hex, "method": method, "params": params}).encode()
    request = urllib.request.Request(stage.public + "/mcp", body, headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as got:
            text = got.read().decode()
    except urllib.error.HTTPError as refused:
        text = refused.read().decode()
    if text.startswith("event:"):
        text = text.split("data: ")[-1]
    return json.loads(text)


class Canaries:
    def __init__(self):
        self.all = []

    def new(self):
        """Text that no form but free text has, so that no field may keep it as a value."""
        self.all.append(f"Canary {uuid.uuid4().hex} é")
        return self.all[-1]

    def fill(self, schema, honest):
        """An argument of this schema: free text with a canary, and what has a form in that form where `honest`."""
        kind = schema.get("type")
        if kind == "object" and "properties" in schema:
            return {name: self.fill(inner, honest) for name, inner in schema["properties"].items()}
        if kind == "object":
            return {"a_word": self.new()}
        if kind == "array":
            return [self.fill(schema["items"], honest)]
        if honest and (kind in ("integer", "number", "boolean") or "enum" in schema or schema.get("format") == "date-time"):
            return {"integer": 3, "number": 1, "boolean": True}.get(kind) or schema.get("enum", ["2027-03-01T09:00:00+01:00"])[0]
        if honest and schema.get("format") == "email":
            self.all.append(f"{uuid.uuid4().hex}@canary.example")
            return self.all[-1]
        return self.new()


def psql(stage, query):
    sockets = next(path.parent for path in stage.dir.rglob(".s.PGSQL.*") if path.suffix != ".lock")
    client = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))[-1] / "psql"
    done = subprocess.run(["setpriv", "--reuid", "cloister-postgres", "--regid", "cloister-postgres", "--clear-groups", "env", "-C", "/",
                           client, "-h", sockets, "-d", "cloister", "-AtXq", "-c", query], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def table(stage, name):
    """All of a table of the front door, as text."""
    return psql(stage, f"select t::text from business.{name} t")


def metrics(stage):
    text = ""
    for path in stage.run.rglob("gateway-*.sock"):
        done = subprocess.run(["curl", "-fsS", "--max-time", "5", "--unix-socket", path, "http://localhost/metrics"], stdout=subprocess.PIPE)
        text += done.stdout.decode()
    return text


def found(canaries, text):
    """Those whose unmistakable part, 32 hex digits, stands in a text."""
    return [one for one in canaries if re.search(r"[0-9a-f]{32}", one).group() in text]


def log_with(stage, marker):
    """The operational log, once its row with `marker` is there."""
    return wait_until(20, lambda: (lambda text: text if marker in text else None)(table(stage, "calls")), "the last call's row")
