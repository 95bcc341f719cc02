"""What the benchmarks share: how a figure is printed, and the client that times turns."""

import json
import os
import pathlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "main"))

PREFIX = pathlib.Path(os.environ["CLOISTER_PREFIX"])
LIBEXEC = PREFIX / "libexec/cloister"
ARGS = sys.argv[1:]
MESSAGE, ZONE = "Am I free tomorrow at 3pm?", "Europe/Berlin"
QUICK, AS_JSON = "--quick" in ARGS, "--json" in ARGS


def report(bench, metric, value, unit, rival="", rival_value=None, n=0, note="", points=None):
    """One figure beside its rival or limit. `points`, {name of a line: [[x, y], ...]}, are for tests/bench/report's plots."""
    row = {"bench": bench, "metric": metric, "value": round(value, 3), "unit": unit, "rival": rival,
           "rival_value": None if rival_value is None else round(rival_value, 3),
           "ratio": None if not rival_value else round(value / rival_value, 3), "n": n, "note": note}
    if AS_JSON:
        if points:
            row["points"] = {name: [[round(x, 3), round(y, 3)] for x, y in line] for name, line in points.items()}
        print(json.dumps(row), flush=True)
    else:
        beside = f"{rival} {row['rival_value']} {unit}, ratio {row['ratio']}" if rival else ""
        print(f"{bench:12} {metric:22} {row['value']:>10} {unit:4} {beside:58} n={n} {note}", flush=True)


def progress(text):
    print(text, file=sys.stderr, flush=True)


def p99(values):
    return sorted(values)[min(len(values) - 1, int(len(values) * 0.99))]


def quantiles(values):
    """A distribution as points [percent, value], closer together towards its end."""
    ordered = sorted(values)
    percents = [*range(0, 100, 2), 99, 99.5, 99.9, 100]
    return [[p, ordered[min(len(ordered) - 1, int(len(ordered) * p / 100))]] for p in percents]


def busy_note():
    """The machine's load while it was measured: a busy one explains a bad figure."""
    return f"load {os.getloadavg()[0]:.1f}"


def turn_times(cluster, user, zone, n, message):
    """Milliseconds of whole turns, each in a conversation of its own, timed by the same client as the rival."""
    path = cluster.dir / "ask.json"
    grant = [f"{k}: {v}" for k, v in cluster.front.grant_headers(user).items()]
    body = {"user": user, "message": message, "timezone": zone, "conversation": "c%ROUND%"}
    path.write_text(json.dumps([{"url": f"http://127.0.0.1:{cluster.port}/v1/chat", "method": "POST", "body": json.dumps(body),
                                 "headers": [f"Authorization: Bearer {cluster.front.key}", "Accept: text/event-stream",
                                             "Content-Type: application/json", "Expect:", *grant]}]))
    cluster.front.user("DELETE", user, "session")
    return replay(path, cluster.named["CA_FILE"], n, "fresh")


def recorded_calls(cluster, user, message, zone):
    """The HTTP calls of one turn, as the rival makes them again."""
    cluster.admin.call("POST", "/requests", {"bodies": True})
    cluster.admin.clear_requests()
    got = cluster.front.stream(user, message, timezone=zone, conversation="recorded")
    assert got.error is None and got.done, got
    tokens = cluster.admin.call("GET", f"/tokens/{user}")["access"]
    named = cluster.named
    key = pathlib.Path(named["MODEL_KEY_FILE"]).read_text().strip()
    calls = []
    for r in cluster.admin.requests():
        if r["service"] == "calendar":
            url, head = named["GOOGLE_URL"] + r["path"], [f"Authorization: Bearer {tokens[-1]}"]
        elif r["service"] == "model":
            url, head = named["MODEL_URL"] + r["path"], [f"x-api-key: {key}", "anthropic-version: 2023-06-01"]
        else:
            continue
        calls.append({"url": url, "method": r["method"], "headers": [*head, "Content-Type: application/json", "Expect:"],
                      "body": r.get("body") or ""})
    assert len(calls) >= 3, calls
    path = cluster.dir / "calls.json"
    path.write_text(json.dumps(calls))
    return path, len(calls)


def replay(path, ca, n, mode):
    done = subprocess.run([LIBEXEC / "bench-replay", path, ca, str(n), mode], stdout=subprocess.PIPE, check=True, timeout=600)
    return [int(line) / 1000 for line in done.stdout.split()]


def requests_file(cluster, users, message=MESSAGE, zone=ZONE, fresh=True):
    """What bench-load asks, for each of these users; each request in a conversation of its own when `fresh`."""
    path = cluster.dir / "load.json"
    asked = []
    for user in users:
        grant = "".join(f"{k}: {v}\r\n" for k, v in cluster.front.grant_headers(user).items())
        body = {"user": user, "message": message, "timezone": zone, **({"conversation": "c%ROUND%"} if fresh else {})}
        asked.append({"head": f"Host: 127.0.0.1:{cluster.port}\r\nAuthorization: Bearer {cluster.front.key}\r\nAccept: text/event-stream\r\n"
                              f"Content-Type: application/json\r\n{grant}", "body": json.dumps(body)})
    path.write_text(json.dumps(asked))
    return path


def load(path, cluster, concurrency, seconds, rate=None):
    """bench-load's result: {"ms": [...], "seconds", "failed", "status"}."""
    args = [LIBEXEC / "bench-load", path, cluster.port, concurrency, seconds, *([] if rate is None else [max(1, round(rate))])]
    return json.loads(subprocess.run([*map(str, args)], stdout=subprocess.PIPE, check=True, timeout=600).stdout)


def connect_many(cluster, names):
    """Users by the hundred, eight at a time."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: cluster.connect(name, timezone=ZONE), names))
