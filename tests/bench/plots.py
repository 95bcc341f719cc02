"""Plots as inline SVG, each with the table of its numbers: colours come from the page's style sheet, lines differ by
marks and dashes as well, and a screen reader gets title, description and table. Library; no input, no output."""

import html
import math

WIDTH, HEIGHT = 640, 360
LEFT, RIGHT, TOP, BOTTOM = 70, 18, 14, 56
MARKS = ("circle", "square", "triangle", "diamond")


def text_of(value):
    """A number for eyes: three digits that count, no more."""
    if value is None:
        return "–"
    if value == int(value) and abs(value) < 1e6:
        return str(int(value))
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.3g}"


def linear_ticks(top):
    """Round numbers from 0 to at least `top`."""
    if top <= 0:
        return [0, 1]
    step = 10 ** math.floor(math.log10(top / 4))
    step = next(step * m for m in (1, 2, 2.5, 5, 10) if top / (step * m) <= 5)
    return [i * step for i in range(math.ceil(top / step) + 1)]


def log_ticks(low, top):
    ticks = [10.0 ** e * m for e in range(math.floor(math.log10(low)), math.ceil(math.log10(top)) + 1) for m in (1, 2, 5)]
    inside = [t for t in ticks if low <= t * 1.0001 and t <= top * 1.0001]
    below, above = [t for t in ticks if t < low][-1:], [t for t in ticks if t > top][:1]
    return (below or []) + inside + (above or [])


class Axis:
    """Values to places between two ends; logarithmic where that was asked for and all values allow it."""

    def __init__(self, values, begin, end, log=False):
        positive = [v for v in values if v > 0]
        self.log = log and len(positive) == len(values) > 0
        self.ticks = log_ticks(min(values), max(values)) if self.log else linear_ticks(max(values, default=1))
        self.low, self.high, self.begin, self.end = self.ticks[0], self.ticks[-1], begin, end

    def at(self, value):
        if self.log:
            share = math.log(value / self.low) / math.log(self.high / self.low) if self.high > self.low else 0.5
        else:
            share = value / self.high if self.high else 0
        return round(self.begin + (self.end - self.begin) * share, 1)


def mark(kind, x, y, css):
    r = 3.4
    if kind == "circle":
        return f'<circle class="{css}" cx="{x}" cy="{y}" r="{r}"/>'
    shapes = {"square": [(-r, -r), (r, -r), (r, r), (-r, r)], "triangle": [(0, -r - 1), (r + 1, r), (-r - 1, r)],
              "diamond": [(0, -r - 1.4), (r + 1.4, 0), (0, r + 1.4), (-r - 1.4, 0)]}
    return f'<polygon class="{css}" points="{" ".join(f"{x + dx:.1f},{y + dy:.1f}" for dx, dy in shapes[kind])}"/>'


def uprights(axis):
    out = []
    for tick in axis.ticks:
        x, last = axis.at(tick), tick == axis.ticks[-1]
        out.append(f'<line class="grid" x1="{x}" y1="{TOP}" x2="{x}" y2="{HEIGHT - BOTTOM}"/>'
                   f'<text class="tick" x="{x + 6 if last else x}" y="{HEIGHT - BOTTOM + 19}" text-anchor="{"end" if last else "middle"}">{text_of(tick)}</text>')
    return out


def grid(x_axis, y_axis, x_label, y_label):
    out = []
    for tick in y_axis.ticks:
        y = y_axis.at(tick)
        out.append(f'<line class="grid" x1="{LEFT}" y1="{y}" x2="{WIDTH - RIGHT}" y2="{y}"/>'
                   f'<text class="tick" x="{LEFT - 6}" y="{y + 4}" text-anchor="end">{text_of(tick)}</text>')
    out += uprights(x_axis)
    middle = (TOP + HEIGHT - BOTTOM) / 2
    out.append(f'<text class="label" x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 8}" text-anchor="middle">{html.escape(x_label)}</text>'
               f'<text class="label" x="14" y="{middle}" text-anchor="middle" transform="rotate(-90 14 {middle})">{html.escape(y_label)}</text>')
    return out


def legend(names, limits):
    """Below the plot, as text that wraps on a phone."""
    items = [f'<li><svg class="key" viewBox="0 0 34 12" aria-hidden="true"><line class="line s{i}" x1="1" y1="6" x2="33" y2="6"/>'
             f'{mark(MARKS[i % len(MARKS)], 17, 6, f"mark s{i}")}</svg>{html.escape(name)}</li>' for i, name in enumerate(names)]
    items += [f'<li><svg class="key" viewBox="0 0 34 12" aria-hidden="true"><line class="limit" x1="1" y1="6" x2="33" y2="6"/></svg>'
              f'{html.escape(name)}: {text_of(value)}</li>' for name, value in limits.items()]
    return f'<ul class="legend">{"".join(items)}</ul>'


def figure(ident, title, said, drawing, below):
    return (f'<figure id="{ident}"><h2>{html.escape(title)}</h2>'
            f'<svg role="img" aria-labelledby="{ident}-t {ident}-d" viewBox="0 0 {WIDTH} {HEIGHT}">'
            f'<title id="{ident}-t">{html.escape(title)}</title><desc id="{ident}-d">{html.escape(said)}</desc>{"".join(drawing)}</svg>'
            f'{below}</figure>')


def table(caption, heads, rows):
    """Rows of cells; the first of each names its row. In a box that scrolls sideways by itself."""
    head = "".join(f'<th scope="col">{html.escape(h)}</th>' for h in heads)
    body = "".join("<tr>" + "".join((f'<th scope="row">{html.escape(str(c))}</th>' if i == 0 else f"<td>{html.escape(str(c))}</td>")
                                    for i, c in enumerate(row)) + "</tr>" for row in rows)
    return (f'<div class="scroll" tabindex="0" role="region" aria-label="{html.escape(caption)}"><table><caption>{html.escape(caption)}</caption>'
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>")


def table_of(lines, title, x_label, unit):
    xs = sorted({x for line in lines.values() for x, _ in line})
    at = {name: dict((x, y) for x, y in line) for name, line in lines.items()}
    rows = [[text_of(x), *(text_of(at[name].get(x)) for name in lines)] for x in xs]
    return table(f"{title}: the numbers, in {unit}", [x_label, *lines], rows)


def line_plot(ident, title, lines, x_label, unit, limits=None, log_x=False, log_y=False):
    """`lines`: {name: [[x, y], ...]}; `limits`: {name: y}, drawn across."""
    limits = limits or {}
    xs = [x for line in lines.values() for x, _ in line]
    ys = [y for line in lines.values() for _, y in line] + list(limits.values())
    x_axis, y_axis = Axis(xs, LEFT, WIDTH - RIGHT, log_x), Axis(ys, HEIGHT - BOTTOM, TOP, log_y)
    drawing = grid(x_axis, y_axis, x_label, unit)
    for value in limits.values():
        y = y_axis.at(value)
        drawing.append(f'<line class="limit" x1="{LEFT}" y1="{y}" x2="{WIDTH - RIGHT}" y2="{y}"/>')
    for i, line in enumerate(lines.values()):
        places = [(x_axis.at(x), y_axis.at(y)) for x, y in sorted(line)]
        drawing.append(f'<polyline class="line s{i}" points="{" ".join(f"{x},{y}" for x, y in places)}"/>')
        every = max(1, len(places) // 12)
        drawing += [mark(MARKS[i % len(MARKS)], x, y, f"mark s{i}") for x, y in places[::every]]
    said = "; ".join(f"{name}: from {text_of(min(y for _, y in line))} to {text_of(max(y for _, y in line))} {unit}" for name, line in lines.items())
    return figure(ident, title, said, drawing, legend(lines, limits) + table_of(lines, title, x_label, unit))


def bar_plot(ident, title, bars, unit, limits=None):
    """`bars`: {name: value}, lying, so that names have room; the last is their sum."""
    limits = limits or {}
    bars = {**bars, "all together": sum(bars.values())}
    axis = Axis([*bars.values(), *limits.values()], 190, WIDTH - RIGHT - 8)
    height = (HEIGHT - TOP - BOTTOM) / len(bars)
    drawing = []
    drawing += uprights(axis)
    for i, (name, value) in enumerate(bars.items()):
        y = TOP + i * height
        drawing.append(f'<rect class="bar s{0 if i + 1 < len(bars) else 1}" x="190" y="{y + height * 0.15:.1f}" '
                       f'width="{max(0.5, axis.at(value) - 190):.1f}" height="{height * 0.7:.1f}"/>'
                       f'<text class="tick" x="184" y="{y + height / 2 + 4:.1f}" text-anchor="end">{html.escape(name)}</text>')
    for value in limits.values():
        x = axis.at(value)
        drawing.append(f'<line class="limit" x1="{x}" y1="{TOP}" x2="{x}" y2="{HEIGHT - BOTTOM}"/>')
    drawing.append(f'<text class="label" x="{(190 + WIDTH) / 2}" y="{HEIGHT - 8}" text-anchor="middle">{html.escape(unit)}</text>')
    said = "; ".join(f"{name} {text_of(value)} {unit}" for name, value in bars.items())
    return figure(ident, title, said, drawing, legend([], limits) + table(f"{title}: the numbers", ["part", unit], [[n, text_of(v)] for n, v in bars.items()]))
