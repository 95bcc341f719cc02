"""Reads what an analyser said, takes away what suppressions.txt gives a reason for, prints the rest.

findings.py TOOL TOP BUILD SUPPRESSIONS [--whole] <LOG

Exits 1 when something is left, or, with --whole, when a line of SUPPRESSIONS was not needed."""

import os
import re
import sys

FOUND = re.compile(r"^(?P<path>[^:\s][^:]*):(?P<line>\d+):(?:\d+:)? (?:warning|error): (?P<text>.*?)"
                   r"(?: \[(?P<id>[^\[\]\s]+)\])?$")
INSIDE = re.compile(r"In function ['‘](?P<name>\w+)['’]")


def read_suppressions(path, tool):
    """(file, function or "", id) -> its line's number."""
    wanted = {}
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if not line.strip() or line.startswith("#"):
                continue
            of, where, kind, reason = line.split(None, 3)
            assert reason.strip(), f"line {number} has no reason"
            if of == tool:
                name, _, function = where.partition(":")
                wanted[name, function, kind] = number
    return wanted


def read_findings(lines, top, build):
    """Each once: (file, function, id), line as it was said."""
    function, seen = "", set()
    for line in lines:
        line = line.rstrip("\n")
        inside = INSIDE.search(line)
        if inside:
            function = inside["name"]
        found = FOUND.match(line)
        if not found:
            continue
        path = found["path"]
        path = os.path.realpath(path if path.startswith("/") else os.path.join(build if path.startswith("..") else top, path))
        path = os.path.relpath(path, top)
        if path.startswith(".."):  # a header of a library
            continue
        kind = (found["id"] or "-").split(",")[0]
        if (path, found["line"], kind, found["text"]) not in seen:
            seen.add((path, found["line"], kind, found["text"]))
            yield (path, function, kind), f"{path}:{found['line']}: {found['text']} [{kind}]"


def main():
    tool, top, build, path, *rest = sys.argv[1:]
    top = os.path.realpath(top)
    wanted, used, left = read_suppressions(path, tool), set(), 0
    for (name, function, kind), text in read_findings(sys.stdin, top, build):
        rows = [row for row in ((name, function, kind), (name, "", kind), ("*", "", kind)) if row in wanted]
        used.update(rows[:1])
        if not rows:
            left += 1
            print(text + (f" in {function}" if tool == "gcc" else ""))
    unused = set(wanted) - used if rest else set()
    for row in sorted(unused):
        print(f"suppressions.txt:{wanted[row]}: nothing needs this line any more")
    print(f"{tool}: {left} findings, {len(used)} suppressions used")
    sys.exit(1 if left or unused else 0)


main()
