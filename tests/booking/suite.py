#!/usr/bin/env python3
"""The booking suite: free times by a table, and bookings through the whole system with the stand-in calendar.

Closes with "booking: N passed, N failed, N skipped". Usage: suite.py [CASE...]   (a module, class or method name, or part of one)
CLOISTER_PREFIX is where Cloister is installed; CLOISTER_FULL=yes takes the full sizes."""

import pathlib
import sys

here = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(here), str(here.parent / "main")]

import runner  # noqa: E402

if __name__ == "__main__":
    sys.exit(runner.run("booking", __file__, ("case_4_crash", "case_3_parallel")))
