"""One self-contained page with a plot for each kind of series."""

import html

WIDTH, HEIGHT, LEFT, BOTTOM = 860, 240, 70, 26
COLOURS = ("#1f5aa8", "#c2571a", "#2a7f3f", "#8a2f7a", "#6b6b00", "#007a87", "#a02020")


def polyline(points, colour, x_max, y_max):
    at = lambda x, y: f"{LEFT + x / x_max * (WIDTH - LEFT - 10):.1f},{(HEIGHT - BOTTOM) * (1 - y / y_max) + 6:.1f}"
    return f'<polyline fill="none" stroke="{colour}" stroke-width="1.6" points="{" ".join(at(x, y) for x, y in points)}"/>'


def plot(title, samples, names):
    x_max = max(row["at_s"] for row in samples) or 1
    y_max = max((row[n] for row in samples for n in names if n in row), default=1) * 1.1 or 1
    parts = [f'<h2>{html.escape(title)}</h2><svg viewBox="0 0 {WIDTH} {HEIGHT + 10}" role="img" aria-label="{html.escape(title)}">']
    for i in range(5):
        y = 6 + (HEIGHT - BOTTOM) * (1 - i / 4)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - 10}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>'
                     f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{y_max * i / 4:.5g}</text>')
    for i in range(5):
        x = LEFT + (WIDTH - LEFT - 10) * i / 4
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT}" text-anchor="middle">{x_max * i / 4 / 60:.3g} min</text>')
    for i, name in enumerate(names):
        points = [(row["at_s"], row[name]) for row in samples if name in row]
        if points:
            parts.append(polyline(points, COLOURS[i % len(COLOURS)], x_max, y_max))
    parts.append("</svg><p>")
    parts += [f'<span style="color:{COLOURS[i % len(COLOURS)]}">&#9632; {html.escape(name)}</span> ' for i, name in enumerate(names)]
    return "".join(parts) + "</p>"


def page(result):
    samples = result["samples"]
    names = sorted({k for row in samples for k in row} - {"at_s"})
    groups = [("Memory (PSS, KiB)", [n for n in names if n.endswith("KiB")]), ("Descriptors", [n for n in names if n.endswith("fds")]),
              ("Latency (ms)", [n for n in names if n.startswith("latency")]), ("Agents and turns", [n for n in names if n in ("agents", "turns")])]
    rows = "".join(f"<tr><td>{html.escape(n)}</td><td>{s['median']:g}</td><td>{s['slope_an_hour']:+g}</td><td>{s['grown']:+g}</td></tr>"
                   for n, s in result["series"].items())
    return ("<!doctype html><meta charset=utf-8><title>Soak</title><style>body{font:14px sans-serif;max-width:900px;margin:2em auto}"
            "svg{width:100%}text{font-size:11px}td,th{padding:2px 12px;text-align:right}td:first-child{text-align:left}</style>"
            f"<h1>{result['hours']:g} h, {result['users']} users, {result['rate']:g} turns a second</h1>"
            f"<p>{result['answered']} answers; failed: {html.escape(str(result['failed'] or 'none'))}</p>"
            "<table><tr><th>series<th>median<th>slope an hour<th>over the measured time</tr>" + rows + "</table>"
            + "".join(plot(title, samples, some) for title, some in groups if some))
