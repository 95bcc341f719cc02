"""What meson would run, for the analysers. Used by run.

commands.py files TOP BUILD          the programs' sources, one a line, without the tests'
commands.py gcc TOP BUILD FILE...    a shell command for each: the compiler with -fanalyzer"""

import json
import os
import shlex
import sys


def compiled(top, build):
    """Path in the tree -> its command, the first where a file is compiled more than once."""
    found = {}
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
        for entry in json.load(file):
            path = os.path.relpath(os.path.realpath(os.path.join(entry["directory"], entry["file"])), top)
            if not path.startswith(("..", "tests/")):
                found.setdefault(path, entry["command"])
    return found


def analysing(command, out_file):
    """Writing elsewhere, with -fanalyzer; warnings of the build itself are the build's matter.

    Never to /dev/null: run by root, the compiler's tools may change what stands there."""
    words, out = shlex.split(command), []
    while words:
        word = words.pop(0)
        if word in ("-o", "-MF", "-MQ"):
            words.pop(0)
        elif word != "-MD" and not word.startswith("-fdiagnostics-color"):
            out.append(word)
    return shlex.join([*out, "-fanalyzer", "-fdiagnostics-path-format=none", "-o", out_file])


def main():
    what, top, build, *chosen = sys.argv[1:]
    commands = compiled(os.path.realpath(top), build)
    for path in sorted(chosen or commands):
        if what == "files":
            print(path)
        elif path in commands:
            print(analysing(commands[path], os.path.join(os.path.abspath(build), "analysed-" + path.replace("/", "-") + ".o")))


main()
