#!/usr/bin/env python3
"""The checks inside the machine that ./run boots. Not for any other: it installs a package, fills memory, moves the clock.

Runs the cases of case_*.py, all on one Cloister, and closes with "vm: N passed, N failed, N skipped".
Usage: suite.py CASE...   where CASE is a module, class or method name, or part of one. CLOISTER_SLOW is how many times longer
than usual everything may take."""

import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "operate"), str(HERE.parent / "main")]

import runner  # noqa: E402

if __name__ == "__main__":
    sys.exit(runner.run("vm", __file__))
