"""Other people's data, and the rest of Cloister, as another program of it could ask for them: one that was taken over,
a gateway, cloister-egress, cloister-business or cloister-notify. Each speaks to the sockets of the others as their
messages (ipc/messages.def) would have it, from its own user.

Each attempt is made with the rule in place and with it away: then it must work. What a gateway can say to cloisterd
as a gateway is told in tests/main, cases 8 and 9."""

import contextlib
import json
import os
import pathlib
import queue
import signal
import subprocess
import threading
import time

from stage import BUILD, Controls  # first: it finds the other suites' helpers
from cluster import kill, wait_until

USERS = {"gateway": "cloister-gateway", "egress": "cloister-egress", "business": "cloister-business", "notify": "cloister-notify",
         "public": "cloister-public"}
READY_S = 5


def as_user(who, *command, **more):
    user = USERS[who]
    return subprocess.Popen(["setpriv", "--reuid", user, "--regid", user, "--clear-groups", *command],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd="/", **more)


class Peer:
    """Said to one socket, in order; what came back to each."""

    def __init__(self, stage, build):
        self.stage, self.program = stage, build / "hostile/hostile-peer"

    def say(self, who, socket, *messages):
        process = as_user(who, self.program, socket)
        told, _ = process.communicate("".join(json.dumps({"protocol": 1, **m}) + "\n" for m in messages).encode(), 30)
        return [json.loads(line) for line in told.splitlines()]

    def facts(self):
        words = dict(word.split("=", 1) for word in self.stage.neighbour.facts("prisoner").split())
        return words["theirs"], words["connection"]


def mint(peer, who):
    """cloister-keys, as cloisterd: a grant that is anybody's."""
    theirs, _ = peer.facts()
    told = peer.say(who, peer.stage.run / "keys/keys.sock",
                    {"grant_mint": {"call": 1, "user": theirs, "frontend": "quickstart"}})
    return "out: a grant" if told and told[-1].get("key_result", {}).get("grant") else f"stopped: {told}"


def bind(peer, who):
    """cloister-keys, as the zygote: a channel that is another user's, and on it that user's keys."""
    theirs, connection = peer.facts()
    told = peer.say(who, peer.stage.run / "keys/keys.sock",
                    {"pass": True, "keys_bind": {"user": theirs, "origin": "owner", "connection": connection}},
                    {"on": "channel", "key_ask": {"connection": connection}})
    grant = told[-1].get("key_grant", {}) if told else {}
    return "out: keys" if "connection_key" in grant or "user_key" in grant or grant.get("epoch") else f"stopped: {told}"


def dial(peer, who):
    """cloister-egress, as the zygote: an agent's channel, a turn's on it, a connection."""
    told = peer.say(who, peer.stage.run / "egress/egress.sock",
                    {"pass": True, "egress_bind": {"origin": "owner"}},
                    {"on": "channel", "pass": True, "egress_turn": {}},
                    {"on": "channel", "dial": {"call": 1, "host": "127.0.0.1", "port": peer.stage.listener.listed_port}})
    return "out: a connection" if told and told[-1].get("descriptor") else f"stopped: {told}"


def dial_for_turns(peer, who):
    """cloister-egress, as what it is: a connection to a host that is listed for turns alone."""
    told = peer.say(who, peer.stage.run / "egress/egress.sock",
                    {"dial": {"call": 1, "host": "127.0.0.1", "port": peer.stage.listener.listed_port}})
    return "out: a connection" if told and told[-1].get("descriptor") else f"stopped: {told}"


def operate(peer, who):
    """cloisterd's control socket, as an operator."""
    told = peer.say(who, peer.stage.run / "control.sock", {"ctl_request": {"protocol": 1, "command": "list"}})
    reply = told[-1].get("ctl_reply", {}) if told else {}
    return "out: a list" if '"user"' in reply.get("json", "") else f"stopped: {told}"


@contextlib.contextmanager
def without_gateway(cluster):
    """The launcher is held meanwhile, so that it starts no other; and the socket is free for whoever comes."""
    launcher = cluster.launcher_pid()
    gateway = wait_until(10, lambda: cluster.programs().get("cloister-gateway"), "a gateway")
    os.kill(launcher, signal.SIGSTOP)
    try:
        kill(gateway)
        yield
    finally:
        os.kill(launcher, signal.SIGCONT)
        wait_until(20, cluster.ready, "a Cloister that is ready")


def pose(peer, who):
    """cloisterd, in the gateway's place: HEALTH_ASK, the least that is told to gateways alone."""
    with without_gateway(peer.stage):
        process = as_user(who, BUILD / "control/lying-gateway", peer.stage.run / "gateway/owner.ipc", "owner", stderr=subprocess.DEVNULL)
        heard = queue.Queue()
        threading.Thread(target=lambda: [heard.put(json.loads(line)) for line in process.stdout], daemon=True).start()
        try:
            process.stdin.write(json.dumps({"health_ask": {"request": 7}}).encode() + b"\n")
            process.stdin.flush()
            told = []
            with contextlib.suppress(queue.Empty, BrokenPipeError):
                end = time.monotonic() + READY_S
                while not any("health" in one for one in told):
                    told.append(heard.get(timeout=max(0.0, end - time.monotonic())))
                    if "up" in told[-1]:  # what was said before it was let in is lost
                        process.stdin.write(json.dumps({"health_ask": {"request": 8}}).encode() + b"\n")
                        process.stdin.flush()
            return f"out: {told[-1]}" if told and "health" in told[-1] else f"stopped: {told}"
        finally:
            process.kill()
            process.communicate()


@contextlib.contextmanager
def open_mode(stage, away):
    """"control-mode": the control socket is everybody's to connect to."""
    path = stage.run / "control.sock"
    before = path.stat().st_mode & 0o7777
    if "control-mode" in away:
        os.chmod(path, 0o666)
    try:
        yield
    finally:
        os.chmod(path, before)


@contextlib.contextmanager
def open_database(stage, away):
    """"pg-role": every program has a role there; "pg-grant": all roles may read everything."""
    strangers = [USERS[who] for who in STRANGERS] if "pg-role" in away else []
    grants = [f"{{}} USAGE ON SCHEMA {schema} {{}} PUBLIC; {{}} SELECT ON ALL TABLES IN SCHEMA {schema} {{}} PUBLIC" for schema in SCHEMAS]
    grants = grants if "pg-grant" in away else []
    for role in strangers:
        stage.sql(f'CREATE ROLE "{role}" LOGIN')
    for grant in grants:
        stage.sql(grant.format("GRANT", "TO", "GRANT", "TO"))
    try:
        yield
    finally:
        for grant in grants:
            stage.sql(grant.format("REVOKE", "FROM", "REVOKE", "FROM"))
        for role in strangers:
            stage.sql(f'DROP ROLE "{role}"')


def reads(table):
    """PostgreSQL, as whom its socket takes it for."""
    def read(peer, who):
        client = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))[-1] / "psql"
        process = as_user(who, client, "-h", peer.stage.dir / "sockets", "-d", "cloister", "-AtXqw", "-c", f"SELECT count(*) FROM {table}",
                          stderr=subprocess.PIPE)
        told, wrong = process.communicate(timeout=30)
        return f"out: {told.decode().strip()} rows" if process.returncode == 0 else f"stopped: {wrong.decode().strip().splitlines()[-1]}"
    return read


STRANGERS, SCHEMAS = ("gateway", "public", "egress"), ("cloister", "business")
OURS = {"control-mode", "pg-role", "pg-grant"}  # walls that are taken away here
EVERYBODY = ("gateway", "public", "egress", "business", "notify")
ATTEMPTS = [
    ("keys, as cloisterd: GRANT_MINT", mint, EVERYBODY, ("KEYS_PEER_DAEMON",)),
    ("keys, as the zygote: KEYS_BIND, KEY_ASK", bind, EVERYBODY, ("KEYS_PEER_ZYGOTE",)),
    ("egress, as the zygote: EGRESS_BIND, DIAL", dial, ("gateway", "public", "business", "notify"), ("EGRESS_PEER",)),
    ("egress, as itself: DIAL a host of turns", dial_for_turns, ("notify",), ("EGRESS_LIST", "EGRESS_PUBLIC")),
    ("cloisterd, as an operator: list", operate, EVERYBODY, ("control-mode", "CONTROL_ROLE")),
    ("PostgreSQL: connections, which are cloisterd's", reads("cloister.connections"), ("business", "notify"), ("pg-grant",)),
    ("PostgreSQL: preferences, which are cloisterd's", reads("cloister.preferences"), ("business", "notify"), ("pg-grant",)),
    ("PostgreSQL: bookings, which are cloister-business's", reads("business.bookings"), ("notify",), ("pg-grant",)),
    ("PostgreSQL: bookings, by who has no role there", reads("business.bookings"), STRANGERS, ("pg-role", "pg-grant")),
    ("cloisterd, as the gateway: HEALTH_ASK", pose, ("public", "egress", "business", "notify"), ("gateway-peer",)),
]


def tries(walls):
    """(what is away, what is left or None for the control, whether it must be out)."""
    yield (), "all", False
    if len(walls) > 1:
        for left in walls:
            yield tuple(w for w in walls if w != left), left, False
    yield walls, None, True


def run(stage, judge):
    """`judge(title, who, walls, left, told, wanted)` hears each."""
    peer = Peer(stage, BUILD)
    stage.connect("prisoner")
    stage.take_away(())
    peer.facts()
    for title, attempt, everybody, walls in ATTEMPTS:
        for away, left, wanted in tries(walls):
            stage.take_away(tuple(w for w in away if w not in OURS))
            with open_mode(stage, away), open_database(stage, away):
                for who in everybody:
                    judge(title, who, walls, left, attempt(peer, who), wanted)
    stage.take_away(())


if __name__ == "__main__":
    played = Controls()
    try:
        run(played, lambda *told: print(*told, flush=True))
    finally:
        played.stop()
