"""mcp: an assistant's search through the public gateway, beside a server of the official TypeScript SDK that searches the
same directory in its own memory."""

import json
import os
import pathlib
import subprocess
import sys
import urllib.request

from shared import HERE, QUICK, busy_note, progress, report

MCP = HERE.parent / "mcp"
CONCURRENCY, SECONDS = 32, 3 if QUICK else 12
BUSINESSES = 300
KINDS = [("hairdresser", "Haircut", "Salon"), ("physiotherapy", "Massage", "Praxis"), ("plumber", "Plumber emergency", "Sanitär"), ("dentist", "Dentist cleaning", "Zahnarzt"),
         ("bicycles", "Bike repair", "Velo"), ("yoga studio", "Yoga class", "Studio"), ("tax adviser", "Tax advice", "Treuhand"), ("music teacher", "Piano lesson", "Musik")]
PLACES = [("Zurich", 47.37, 8.54), ("Bern", 46.95, 7.44), ("Basel", 47.56, 7.59), ("Geneva", 46.2, 6.14), ("Lausanne", 46.52, 6.63), ("Luzern", 47.05, 8.3)]


def directory():
    """The same three hundred businesses each time."""
    made = []
    for i in range(BUSINESSES):
        (category, service, word), (city, latitude, longitude) = KINDS[i % len(KINDS)], PLACES[i // len(KINDS) % len(PLACES)]
        made.append({"slug": f"{category.replace(' ', '-')}-{i}", "profile": {
            "name": f"{word} {city} {i}", "category": category, "summary": f"{service} in {city}, by appointment.",
            "description": f"{service} and more since {1950 + i % 70}. Near the station. Card and cash.",
            "address": {"street": f"Bahnhofstrasse {i + 1}", "postal_code": str(3000 + i), "city": city, "country": "CH"},
            "location": {"latitude": latitude + i % 17 / 1000, "longitude": longitude + i % 23 / 1000},
            "services": [{"id": "first", "name": service, "duration_minutes": 30 + i % 4 * 15, "price": {"min": 50 + i % 40, "max": 120, "currency": "CHF"}, "mode": "at_business"},
                         {"id": "second", "name": f"{service}, long", "duration_minutes": 90, "mode": "at_business"}],
            "hours": {"timezone": "Europe/Zurich", "weekly": [{"days": ["mon", "tue", "wed", "thu", "fri"], "opens": "08:00", "closes": "18:00"}]},
            "languages": ["de", "fr"][: 1 + i % 2], "contacts": {"phone": f"+41 44 555 {i:04d}"}, "attributes": {"parking": i % 3 == 0},
            "features": {"booking": True, "inquiries": True}}})
    return made


def wrk(port, mode, era="legacy", session=None, check=False):
    """Calls a second, and wrk's other figures. `check`: a short run that looks into every answer; otherwise their statuses tell."""
    env = {**os.environ, "MCP_MODE": mode, "MCP_ERA": era, **({"MCP_SESSION": session} if session else {}), **({"MCP_CHECK": "1", "MCP_FROM": "500000"} if check else {})}
    seconds = 2 if check else SECONDS
    done = subprocess.run(["wrk", "-t", "1", "-c", str(CONCURRENCY), "-d", f"{seconds}s", "--timeout", "10s", "-s", HERE / "mcp.lua",
                           f"http://127.0.0.1:{port}/mcp"], env=env, stdout=subprocess.PIPE, check=True, timeout=seconds + 60)
    got = json.loads(next(line for line in done.stdout.decode().splitlines() if line.startswith("JSON "))[5:])
    assert got["requests"] > 0 and got["bad"] == 0 and got["other"] == 0 and (got["fine"] > 0 or not check), got
    return got["requests"] / got["us"] * 1e6, got


def post(port, body, headers=None):
    request = urllib.request.Request(f"http://127.0.0.1:{port}/mcp", json.dumps(body).encode(), {
        "Content-Type": "application/json", "Accept": "application/json, text/event-stream", **(headers or {})})
    with urllib.request.urlopen(request, timeout=20) as got:
        return got.headers, json.loads(got.read() or b"null")


def pss(pids):
    """KiB of these processes, shared pages divided."""
    total = 0
    for pid in pids:
        text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
        total += int(next(line for line in text.splitlines() if line.startswith("Pss:")).split()[1])
    return total


def rival(mode, path, port):
    """Calls a second for fresh and for repeated searches, and KiB."""
    process = subprocess.Popen([MCP / "node_modules/.bin/node", MCP / "rival.js", mode, str(port), path], stdout=subprocess.PIPE)
    try:
        assert process.stdout.readline() == b"ready\n"
        session = None
        if mode == "session":
            headers, _ = post(port, {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
                "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"}}})
            session = headers["Mcp-Session-Id"]
        for each in ("fresh", "same"):
            wrk(port, each, session=session, check=True)
        wrk(port, "same", session=session)  # warm
        fresh, same = wrk(port, "fresh", session=session)[0], wrk(port, "same", session=session)[0]
        return fresh, same, pss([process.pid])
    finally:
        process.terminate()
        process.wait(timeout=20)


def rows(stage):
    from redaction import psql
    return int(psql(stage, "select count(*) from business.calls where operation = 'search_businesses'"))


def publish_all(stage, businesses):
    """Each is published as owners do it; that each has an owner of its own is put right behind them."""
    from redaction import psql
    grant = stage.front.grant_headers("owner")
    for at, each in enumerate(businesses):
        for method, path, body in (("PUT", "", {"profile": each["profile"]}), ("POST", "/publish", {})):
            got = stage.front.request(method, f"/v1/businesses/{each['slug']}{path}?user=owner", body, grant)
            assert got.status == 200, got
        if at % 10 == 9:
            psql(stage, "update business.businesses set user_id = md5(slug)")
    # What autovacuum does by itself within a minute: PostgreSQL plans by what is in a table, not by what was.
    psql(stage, "analyze business.listings, business.cards, business.vocabulary, business.businesses")


def bench_mcp():
    sys.path.insert(0, str(MCP))
    from cluster import free_port
    from stage import Stage
    lock, installed = MCP / "package-lock.json", MCP / "node_modules/.installed-lock"
    if not installed.exists() or installed.read_bytes() != lock.read_bytes():
        subprocess.run(["npm", "ci", "--no-progress"], cwd=MCP, stdout=subprocess.DEVNULL, check=True)
        installed.write_bytes(lock.read_bytes())
    businesses = directory()
    stage = Stage(extra="[gateway]\ntrusted_proxies=127.0.0.1\n[business]\ncalls_per_minute=0\nclient_calls_per_minute=0\n")
    try:
        path = stage.dir / "directory.json"
        path.write_text(json.dumps(businesses))
        stage.connect("owner", timezone="Europe/Zurich")
        progress(f"publishing {BUSINESSES} businesses")
        publish_all(stage, businesses)
        port = stage.public_port
        for each in ("fresh", "same"):
            wrk(port, each, check=True)
        wrk(port, "same", era="modern", check=True)
        wrk(port, "same")
        before = rows(stage)
        fresh, detail = wrk(port, "fresh")
        pids = stage.programs()
        memory = pss([pids["cloister-gateway-public"], pids["cloister-business"]])
        kept, kept_detail = wrk(port, "same")
        modern, _ = wrk(port, "same", era="modern")
        logged = rows(stage) - before
        theirs = {mode: rival(mode, path, free_port()) for mode in ("session", "stateless")}
        for mode, (their_fresh, their_same, their_memory) in theirs.items():
            report("mcp", f"fresh_beside_{mode}", fresh, "/s", f"official SDK, {mode}", their_fresh, detail["requests"],
                   f"no two searches alike: each from PostgreSQL; target 4; p99 {detail['p99_us'] / 1000:.1f} ms; {busy_note()}")
            report("mcp", f"kept_beside_{mode}", kept, "/s", f"official SDK, {mode}", their_same, kept_detail["requests"],
                   f"48 searches again and again; target 10; p99 {kept_detail['p99_us'] / 1000:.1f} ms")
            report("mcp", f"memory_beside_{mode}", memory, "KiB", f"official SDK, {mode}", their_memory, 1,
                   "gateway and cloister-business together, PSS, under load; target 0.1")
        report("mcp", "kept_modern", modern, "/s", "", None, kept_detail["requests"], "the same in revision 2026-07-28")
        report("mcp", "logged", logged, "rows", "calls", detail["requests"] + kept_detail["requests"], 1, "rows of the operational log when the last call was answered")
    finally:
        stage.stop()
