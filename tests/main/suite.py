#!/usr/bin/env python3
"""The main suite: the whole system through its outside, every real part in place.

Runs the cases of case_*.py and closes with "main: N passed, N failed, N skipped".
Usage: suite.py [CASE...]   where CASE is a module, class or method name, or part of one.
Without any, two modules run at a time, each in a process of its own: they wait more than they compute."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import runner  # noqa: E402

if __name__ == "__main__":
    sys.exit(runner.run("main", __file__, ("case_4_faults", "case_11_openapi", "case_13_walls")))
