#!/usr/bin/env python3
"""The MCP suite: the official conformance suite and clients, HTTP beside them, and what is kept of what callers write.

Runs the cases of case_*.py and closes with "mcp: N passed, N failed, N skipped". Usage: suite.py [CASE...]"""

import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "main")]

import runner  # noqa: E402

if __name__ == "__main__":
    sys.exit(runner.run("mcp", __file__))
