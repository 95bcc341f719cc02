#!/usr/bin/env python3
"""Makes a C table of the mails' templates: KIND.RECIPIENT.txt, whose first line is the subject.
usage: embed_mail.py OUTPUT FILE..."""

import pathlib
import sys


def quoted(text):
    lines = text.split("\n")
    return "\n".join('     "' + line.replace("\\", "\\\\").replace('"', '\\"') + ('\\n"' if i + 1 < len(lines) else '"')
                     for i, line in enumerate(lines) if line or i + 1 < len(lines))


def main():
    rows = []
    for path in sorted(map(pathlib.Path, sys.argv[2:])):
        kind, to_kind, _ = path.name.split(".")
        text = path.read_text()
        if not text.startswith("Subject: ") or text.split("\n")[1] != "":
            sys.exit(f"{path}: must begin with a subject and an empty line")
        rows.append(f'    {{"{kind}", "{to_kind}",\n{quoted(text)}}},\n')
    pathlib.Path(sys.argv[1]).write_text(
        '#include "business/notify_text.h"\n\nconst struct mail_template mail_templates[] = {\n' + "".join(rows) +
        "};\nconst size_t mail_template_count = COUNT_OF(mail_templates);\n")


main()
