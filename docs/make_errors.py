#!/usr/bin/env python3
"""Makes docs/errors.md of docs/errors.yaml and of the problem codes in gateway/openapi.yaml.
usage: make_errors.py [--check]   --check writes nothing and fails when the page is not what it would write"""

import pathlib
import re
import sys

import yaml

HERE = pathlib.Path(__file__).resolve().parent
PAGE = HERE / "errors.md"
HEAD = """\
# Errors, by code

<!-- Made by docs/make_errors.py of errors.yaml and gateway/openapi.yaml: change those. -->

Every refusal carries a `code` that stays the same from version to version, a sentence for people, and its request's id, in the
header `X-Request-Id`. The same id stands in every log line of that request:

```sh
journalctl CLOISTER_REQUEST=ID
```

Below: [problem codes](#problem-codes) of the API and of streams · [errors at `return_to`](#errors-at-return_to) ·
[readiness](#readiness) · [walls](#walls) · exit statuses of [cloisterctl](#exit-statuses-of-cloisterctl), of the
[daemons](#exit-statuses-of-the-daemons) and of the [quickstart](#exit-statuses-of-deployquickstart) ·
[what tools answer](#what-tools-answer-the-model).
"""
ONLY_CALLER = "nothing to do; it is between the caller and its user."


def problems():
    """code -> (statuses, meaning, what a caller does), in the order of openapi.yaml."""
    spec = yaml.safe_load((HERE.parent / "gateway/openapi.yaml").read_text(encoding="utf-8"))
    rows = spec["components"]["schemas"]["ProblemCode"]["oneOf"]
    return {row["const"]: (row["x-status"], row["description"], row["x-next"]) for row in rows}


def table():
    return yaml.safe_load((HERE / "errors.yaml").read_text(encoding="utf-8"))


def problem_entries(codes, rows):
    parts = ["## Problem codes\n"]
    for code, (statuses, meaning, then) in codes.items():
        does = rows["operator"].get(code, ONLY_CALLER)
        parts.append(f"### `{code}`\n\n*Status {', '.join(map(str, statuses))}.* {meaning}\n\n"
                     f"- **Caller:** {then}\n- **Operator:** {does}\n")
    return parts


def two_sided(title, text, rows, name=str):
    parts = [f"## {title}\n\n{text}\n"]
    for key, (meaning, does) in rows.items():
        parts.append(f"### `{name(key)}`\n\n{meaning}" + (f"\n\n- **Do:** {does}" if does else "") + "\n")
    return parts


def listed(title, text, rows, heads):
    lines = [f"## {title}\n\n{text}\n\n| {' | '.join(heads)} |\n|{' --- |' * len(heads)}"]
    for key, words in rows.items():
        lines.append(f"| `{key}` | " + " | ".join([words] if isinstance(words, str) else words) + " |")
    return ["\n".join(lines) + "\n"]


def ctl_statuses(rows):
    """number -> (meaning, what to do); the table of exit statuses is the programs' own."""
    table = (HERE.parent / "supervisor/ctl_exit.def").read_text(encoding="utf-8")
    found = re.findall(r'^EXIT\((\w+), (\d+), "([^"]*)"\)', table, re.M)
    return {int(number): (text[0].upper() + text[1:] + ".", rows[name]) for name, number, text in found}


def page():
    rows, status = table(), ("status", "means", "do")
    parts = [HEAD, *problem_entries(problems(), rows)]
    parts += two_sided("Errors at `return_to`", "What a browser that was connecting brings back to the frontend in `error=`.", rows["returns"])
    parts += two_sided("Readiness", "The reasons in `GET /readyz` (operators' socket) and in `cloisterctl status`.", rows["ready"])
    parts += two_sided("Walls", "At start a process made exactly as an agent tries to get out. What gets through stops the start, by the name of "
                       "the property that is missing. `[runtime] accept_missing_walls` accepts one by name: SECURITY.md says what is lost then.",
                       rows["walls"])
    parts += listed("Exit statuses of cloisterctl", "They do not change.", ctl_statuses(rows["ctl"]), status)
    parts += listed("Exit statuses of the daemons", "`cloisterd`, `cloister-keys`, `cloister-egress`, `cloister-gateway`, `cloister-business`, `cloister-notify`, "
                    "`cloister-launch`.",
                    rows["programs"], status)
    parts += listed("Exit statuses of deploy/quickstart", "It also has them with `--ask`.", rows["quickstart"], status)
    parts += listed("What tools answer the model", "A tool that does not do what the model asked says why, with one of these. People see what the "
                    "model makes of it; the record of a turn has none.", rows["tools"], ("code", "means"))
    return "\n".join(parts)


def main():
    if sys.argv[1:] == ["--check"]:
        return 0 if PAGE.read_text(encoding="utf-8") == page() else "docs/errors.md is not up to date: run docs/make_errors.py"
    if sys.argv[1:]:
        return __doc__
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
