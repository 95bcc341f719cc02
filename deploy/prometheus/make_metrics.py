#!/usr/bin/env python3
"""METRICS.md from what `cloister-gateway --print-metrics` prints: make_metrics.py <TABLE >METRICS.md"""

import sys

HEAD = """# Cloister's numbers

`GET /metrics` on the gateway's operators' socket (OpenMetrics 1.0): `curl --unix-socket
/run/cloister/operator/gateway-owner.sock http://localhost/metrics`. That of the public gateway
(`/run/cloister/public/gateway-public.sock`) has this gateway's own rows alone, so that nothing is counted twice. `prometheus.yml` and `nginx-metrics.conf` bring them to
Prometheus, `cloister.rules.yml` has alerts, `../grafana/cloister.json` a dashboard. No label names a user or holds text from
outside: every value is from a table. Made by `make_metrics.py` from `ipc/metrics.def`.

A request's id (`X-Request-Id`) and its W3C trace (`traceparent`, taken from the caller when it is well-formed, answered with a span
of the gateway's own) stand in log lines about it as `request=` and `trace=`. Neither goes to Google or to the model provider: with
it, the two could tell which calendar belongs to which conversation, and across users who shares a caller.

| name | type | unit | labels | |
| --- | --- | --- | --- | --- |
"""

if __name__ == "__main__":
    sys.stdout.write(HEAD)
    for line in sys.stdin.read().splitlines():
        name, kind, unit, labels, text = line.split("\t")
        print(f"| `{name}` | {kind} | {unit} | {labels} | {text} |")
