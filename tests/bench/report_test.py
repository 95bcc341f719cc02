#!/usr/bin/env python3
"""tests/bench/report renders earlier results: whole, readable without colours or sight, and without the network."""

import html.parser
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
CANNED = HERE / "canned/figures.json"
VOID = {"meta", "br", "hr", "img", "link", "input"}


class Page(html.parser.HTMLParser):
    """Checks that tags are closed in order; keeps attributes and text."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.cells = [], [], []
        self.feed(text)
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, (tag, self.open)
        self.open.pop()

    def handle_data(self, data):
        if self.open and self.open[-1] in ("td", "th", "caption"):
            self.cells.append(data)

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


def report(*args):
    return subprocess.run([sys.executable, HERE / "report", *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)


class Report(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.addCleanup(self.dir.cleanup)
        self.out = pathlib.Path(self.dir.name) / "page.html"

    def render(self, text):
        rows = pathlib.Path(self.dir.name) / "rows.json"
        rows.write_text(text)
        done = report("--json", rows, "--out", self.out)
        self.assertEqual(done.returncode, 0, done.stderr)
        return self.out.read_text()

    def test_every_plot_with_its_numbers(self):
        text = self.render(CANNED.read_text())
        page = Page(text)
        plots = [a for a in page.all("svg") if a.get("role") == "img"]
        self.assertEqual(len(plots), 6)
        for plot in plots:
            for ident in plot["aria-labelledby"].split():
                self.assertEqual(text.count(f'id="{ident}"'), 1)
        self.assertEqual(len(page.all("table")), 7)
        self.assertEqual(len(page.all("caption")), 7)
        self.assertTrue(all(a.get("scope") in ("col", "row") for a in page.all("th")))
        rows = [json.loads(line) for line in CANNED.read_text().splitlines()]
        for row in rows:
            for line in row.get("points", {}).values():
                for _, y in line:
                    self.assertTrue(any(float(c) == y for c in page.cells if re.fullmatch(r"[\d.]+", c)), (row["bench"], y))
        drawn = [float(v) for a in page.all("polyline") for pair in a["points"].split() for v in pair.split(",")]
        self.assertTrue(drawn and all(0 <= v <= 640 for v in drawn), "inside of the drawing")

    def test_nothing_from_elsewhere(self):
        text = self.render(CANNED.read_text())
        for attrs in (a for _, a in Page(text).tags):
            self.assertFalse({"src", "href", "xlink:href"} & set(attrs), attrs)
        self.assertNotRegex(text, r"https?:|//|url\(|@import|<script")
        self.assertIn('name="viewport"', text)
        self.assertIn("prefers-color-scheme: dark", text)

    def test_text_of_results_is_text(self):
        text = self.render(CANNED.read_text())
        self.assertNotIn("<b>marked</b>", text)
        self.assertIn("&lt;b&gt;marked&lt;/b&gt;", text)

    def test_what_was_not_measured_is_left_out(self):
        only = "".join(line + "\n" for line in CANNED.read_text().splitlines() if '"wake"' in line)
        page = Page(self.render(only))
        self.assertEqual(len([a for a in page.all("svg") if a.get("role") == "img"]), 1)

    def test_the_later_figure_counts(self):
        last = json.dumps({**json.loads(CANNED.read_text().splitlines()[1]), "value": 77.5})
        self.assertIn("77.5 ms", self.render(CANNED.read_text() + last + "\n"))

    def test_nonsense_is_refused(self):
        for text in ("", "{}\n", "no json\n", '{"bench": "spawn"}\n', "[1]\n"):
            rows = pathlib.Path(self.dir.name) / "bad.json"
            rows.write_text(text)
            done = report("--json", rows, "--out", self.out)
            self.assertNotEqual(done.returncode, 0, text)
            self.assertNotIn("Traceback", done.stderr)
            self.assertFalse(self.out.exists())
        self.assertNotEqual(report("--json", "/nowhere", "--out", self.out).returncode, 0)


if __name__ == "__main__":
    unittest.main()
