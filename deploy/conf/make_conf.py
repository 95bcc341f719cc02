#!/usr/bin/env python3
"""Makes the configuration file that is installed from ipc/config.def: every setting, commented out, with its help and its
default. usage: make_conf.py CONFIG.DEF OUTPUT"""

import re
import sys
import textwrap

ROW = re.compile(r'^SETTING\(\s*(\w+),\s*(\w+),\s*(\w+),\s*"((?:[^"\\]|\\.)*)",\s*((?:"(?:[^"\\]|\\.)*"\s*)+)\)', re.M)
PIECE = re.compile(r'"((?:[^"\\]|\\.)*)"')
HEAD = """\
# Cloister's settings; cloister.conf(5) explains each. What is commented out has its default, as shown.
# Check a change with:  cloisterd -n
# Every setting can also come from the environment, as CLOISTER_<SECTION>_<KEY>.
# A secret never stands here: a setting that ends in _file names a file that holds it.
"""


def unquoted(text):
    return re.sub(r"\\(.)", r"\1", text)


def settings(text):
    """(section, key, default, help) in the table's order; a row that is not understood is an error, not left out."""
    rows = ROW.findall(text)
    if len(rows) != len(re.findall(r"^SETTING\(", text, re.M)):
        sys.exit("make_conf.py: a row of the table is not understood")
    return [(section, key, unquoted(default), unquoted("".join(PIECE.findall(words)))) for section, key, _, default, words in rows]


def document(text):
    lines, last = [HEAD], None
    for section, key, default, words in settings(text):
        if section != last:
            lines.append(f"\n[{section}]")
            last = section
        sentence = words[0].upper() + words[1:]
        lines += textwrap.wrap(sentence, 96, initial_indent="# ", subsequent_indent="# ")
        lines.append(f"#{key}={default}")
    return "\n".join(lines) + "\n"


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as file:
        text = document(file.read())
    with open(sys.argv[2], "w", encoding="utf-8") as file:
        file.write(text)


if __name__ == "__main__":
    main()
