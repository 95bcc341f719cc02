#!/usr/bin/env python3
"""Real turns, real egress, real TLS, the stand-ins for Google and the model: ask, book, repeat, faults.

usage: live.py BUILD_DIR PROVIDER; exit 77 (skipped) without root or the system users."""
import base64, datetime, hashlib, json, os, pathlib, pwd, secrets, shutil, subprocess, sys, tempfile, time
import urllib.parse, zoneinfo

TOP = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(TOP / "tests/main"))
from client import Browser, WorldAdmin, query_of  # noqa: E402

BUILD, PROVIDER = pathlib.Path(sys.argv[1]), sys.argv[2]
REDIRECT = "http://127.0.0.1:8420/connect/google/callback"
VERIFIER = secrets.token_urlsafe(40)
EVENTS = "https://www.googleapis.com/auth/calendar.events"
FREEBUSY = "https://www.googleapis.com/auth/calendar.freebusy"


def wait_for(path):
    end = time.monotonic() + 10
    while not (path.exists() and (path.is_socket() or path.stat().st_size)):
        assert time.monotonic() < end, f"{path} did not appear"
        time.sleep(0.02)


class Live:
    def __init__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="cloister-live.", dir="/var/tmp"))
        os.chmod(self.dir, 0o755)
        self.parts = []
        world, run = self.dir / "world", self.dir / "run"
        world.mkdir()
        (run / "egress").mkdir(parents=True)
        agent_group = pwd.getpwnam("cloister-egress")
        os.chown(run / "egress", agent_group.pw_uid, agent_group.pw_gid)
        self.start(BUILD / "tests/world/cloister-world", "--dir", world, "--model-id", "stand-in-1")
        wait_for(world / "world.env")
        n = dict(x.split("=", 1) for x in (world / "world.env").read_text().splitlines() if "=" in x)
        self.named, self.admin = n, WorldAdmin(n["ADMIN_URL"])
        base = n["MODEL_URL"] + ("/v1" if PROVIDER == "openai" else "")
        host = lambda url: url.split("://", 1)[1]
        self.config = self.dir / "cloister.conf"
        self.config.write_text(f"""
[google]
client_id={n['CLIENT_ID']}
client_secret_file={n['CLIENT_SECRET_FILE']}
auth_url={n['GOOGLE_URL']}/o/oauth2/v2/auth
token_url={n['GOOGLE_URL']}/token
revoke_url={n['GOOGLE_URL']}/revoke
calendar_url={n['GOOGLE_URL']}/calendar/v3
ca_file={n['CA_FILE']}
[model]
provider={PROVIDER}
base_url={base}
model=stand-in-1
api_key_file={n['MODEL_KEY_FILE']}
ca_file={n['CA_FILE']}
[egress]
allow={host(n['GOOGLE_URL'])} {host(n['MODEL_URL'])}
[runtime]
dir={run}
""")
        self.start(BUILD / "supervisor/egress/cloister-egress", "--config", self.config)
        wait_for(run / "egress/egress.sock")
        self.turn = subprocess.Popen([BUILD / "tests/unit/turn/turn_live", self.config, VERIFIER],
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.parts.append(self.turn)

    def start(self, *command):
        log = open(self.dir / "log", "ab")
        self.parts.append(subprocess.Popen(list(map(str, command)), stdout=log, stderr=log, stdin=subprocess.DEVNULL))

    def stop(self):
        for part in reversed(self.parts):
            part.kill()
            part.wait()
        shutil.rmtree(self.dir)

    def do(self, op, **fields):
        self.turn.stdin.write(json.dumps({"op": op, **fields}) + "\n")
        self.turn.stdin.flush()
        line = self.turn.stdout.readline()
        assert line, "the turn's process died: " + (self.dir / "log").read_text()[-2000:]
        return json.loads(line)

    def chat(self, message, **fields):
        return self.do("chat", message=message, **fields)

    def code(self, op, account, scope, ticked=None, nonce=None, **more):
        state = secrets.token_urlsafe(24)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
        url = self.named["GOOGLE_URL"] + "/o/oauth2/v2/auth?" + urllib.parse.urlencode({
            "client_id": self.named["CLIENT_ID"], "redirect_uri": REDIRECT, "response_type": "code",
            "scope": scope, "state": state, "code_challenge": challenge,
            "code_challenge_method": "S256",
            "nonce": nonce or hashlib.sha256(b"cloister-nonce:" + state.encode()).hexdigest()[:32], **more})
        back = query_of(Browser(self.named["CA_FILE"]).consent(url, account, ticked))
        return self.do(op, code=back["code"], state=state, redirect=REDIRECT)

    def connect(self, account, scopes=None):
        return self.code("connect", account, f"openid email {EVENTS} {FREEBUSY}", scopes, access_type="offline",
                         prompt="consent", include_granted_scopes="true")

    def sign_in(self, account, scope="openid email", **more):
        return self.code("sign_in", account, scope, **more)


def tomorrow(hour, zone="Europe/Berlin"):
    now = datetime.datetime.now(zoneinfo.ZoneInfo(zone)) + datetime.timedelta(days=1)
    return now.replace(hour=hour, minute=0, second=0, microsecond=0)


def at(event):
    return datetime.datetime.fromisoformat(event["start"]["dateTime"].replace("Z", "+00:00"))


def expect(name, answer, condition):
    print("ok  " if condition else "FAIL", name, "" if condition else answer, flush=True)
    return bool(condition)


def checks(live):
    book = "Put lunch with Sam tomorrow at 3pm."
    live.admin.account("ada", events=[])
    events = lambda: live.admin.events("ada")
    a = live.connect("ada")
    yield expect("connect", a, a["code"] == "" and a["tag"])
    ada = a["tag"]
    a = live.sign_in("ada")
    yield expect("signs in as who connected", a, a["code"] == "" and a["tag"] == ada and a["account"].startswith("ada"))
    a = live.sign_in("ada", scope="openid")
    yield expect("signs in without an address", a, a["code"] == "" and a["tag"] == ada and a["account"] == f"google-account-{ada[:6]}")
    a = live.sign_in("ada", nonce="0" * 32)
    yield expect("another sign-in's token is refused", a, a["code"] == "sign_in_failed" and not a["tag"])
    live.admin.account("eve")
    a = live.sign_in("eve")
    yield expect("somebody else is somebody else", a, a["code"] == "" and a["tag"] not in ("", ada))
    a = live.chat("Am I free tomorrow at 3pm?")
    yield expect("free", a, a["code"] == "" and "check_availability:done" in a["tools"] and a["text"])
    a = live.chat(book, key="k1")
    yield expect("books", a, a["code"] == "" and "create_event:done" in a["tools"])
    yield expect("one event, right time", events(), len(events()) == 1 and at(events()[0]) == tomorrow(15))
    a = live.chat(book, key="k1", repeated=True)
    yield expect("repeated: still one", a, a["code"] == "" and len(events()) == 1)
    a = live.chat("Am I free tomorrow at 3pm?")
    yield expect("now busy", a, a["code"] == "" and "check_availability:done" in a["tools"])
    a = live.chat("Am I free tomorrow at 3pm?", timezone="America/New_York")
    yield expect("another zone", a, a["code"] == "")
    a = live.chat("What is in my calendar tomorrow?")
    yield expect("lists", a, a["code"] == "" and "unch" in a["text"])
    n = len(events())
    for i, (kind, method, more) in enumerate([
            ("lost_answer", "POST", {}), ("status", "POST", {"status": 503}), ("reset", "POST", {}),
            ("truncate", "POST", {}), ("malformed", "POST", {}),
            ("status", "POST", {"status": 429, "retry_after": 1}), ("status", "POST", {"status": 401}),
            ("status", "POST", {"status": 403, "reason": "rateLimitExceeded"})]):
        live.admin.fault("calendar", kind, method=method, path_contains="/events", **more)
        a = live.chat(f"Put meeting number {i} tomorrow at {i + 6}am.", key=f"f{i}")
        n += 1
        yield expect(f"fault {kind} {more}: one event", (a, len(events())), a["code"] == "" and len(events()) == n)
        live.admin.call("DELETE", "/faults")
    for kind, more in [("hang", {}), ("wrong_host_cert", {}), ("unknown_ca_cert", {}), ("oversize", {})]:
        live.admin.fault("calendar", kind, times=50, **more)
        a = live.chat("Am I free tomorrow at 3pm?", drop_access=True, timezone="Europe/Berlin", timeout_ms=4000)
        yield expect(f"calendar {kind}: clear error", a, a["code"] in ("google_unavailable", "turn_timeout"))
        live.admin.call("DELETE", "/faults")
    for kind, more in [("status", {"status": 529}), ("midstream_error", {}), ("truncate", {}), ("malformed", {}),
                       ("slow", {}), ("reset", {})]:
        live.admin.fault("model", kind, **more)
        a = live.chat("Am I free tomorrow at 3pm?")
        yield expect(f"model {kind}: answer or clear error", a, a["code"] in ("", "model_unavailable"))
        live.admin.call("DELETE", "/faults")
    live.admin.fault("model", "oversize", times=9)
    a = live.chat("Am I free tomorrow at 3pm?")
    yield expect("model oversize: clear error", a, a["code"] in ("model_unavailable", "budget_exhausted"))
    live.admin.call("DELETE", "/faults")
    live.admin.call("POST", "/tokens/ada/kill?access_only=1")
    a = live.chat("Am I free tomorrow at 3pm?")
    yield expect("access token dead: refreshed", a, a["code"] == "")
    live.admin.call("POST", "/tokens/ada/kill")
    a = live.chat("Am I free tomorrow at 3pm?")
    yield expect("grant dead: marked broken", a, a["code"] == "reconnect_required" and a["broken"] == 1)
    a = live.connect("ada")
    yield expect("connects again", a, a["code"] == "")
    a = live.do("revoke")
    yield expect("revoked", a, a["revoked"])
    live.admin.account("bo", timezone="Asia/Tokyo")
    a = live.connect("bo", scopes=["openid", "email", "calendar.freebusy"])
    yield expect("fewer scopes", a, a["code"] == "")
    a = live.chat(book, timezone="Asia/Tokyo", drop_access=True)
    yield expect("says what is missing", a, a["code"] == "" and "create_event:failed" in a["tools"])


def main():
    try:
        pwd.getpwnam("cloister-egress"), pwd.getpwnam("cloister-agent")
    except KeyError:
        return 77
    if os.getuid() != 0:
        return 77
    live = Live()
    try:
        results = list(checks(live))
    finally:
        live.stop()
    print(f"{results.count(True)} passed, {results.count(False)} failed")
    return 0 if all(results) else 1


sys.exit(main())
