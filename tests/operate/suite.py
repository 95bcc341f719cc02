#!/usr/bin/env python3
"""What an operator does: control socket, roles, reload, rotation, upgrade, packages. The harness is that of tests/main.

Runs the cases of case_*.py and closes with "operate: N passed, N failed, N skipped".
Usage: suite.py [CASE...]   where CASE is a module, class or method name, or part of one.
CLOISTER_PREFIX is where Cloister is installed, CLOISTER_BUILD its build folder; CLOISTER_FULL=yes for full sizes."""

import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "main")]
sys.path.append(str(HERE.parent / "booking"))

import runner  # noqa: E402

if __name__ == "__main__":
    sys.exit(runner.run("operate", __file__))
