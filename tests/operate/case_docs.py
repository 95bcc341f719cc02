"""The operators' pages: every code that a program can emit has its entry in docs/errors.md and every entry its code; what
the pages name (files, settings, commands) is there."""

import functools
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "docs"))

import make_errors  # noqa: E402
from cluster import PREFIX  # noqa: E402

# Calls and tables that put a code into an answer: the first quoted word of small letters is it.
EMITTERS = re.compile(r'\b(?:fault_set|call_refuse|flow_fail|flow_fail_at|callback_fail|gateway_fail|chat_fail_internal|FAILED|business_refuse(?:_for_now)?)\s*\([^;"]*?"([a-z_0-9]+)"')
IN_BUSINESS = re.compile(r'\brefuse\(call, \d{3}, "([a-z_]+)"')  # business/reply.c
TABLES = re.compile(r'(?:\.code\s*=\s*|\[CONFIRM_\w+\]\s*=\s*\{|\{-E\w+,\s*|(?:^|\{)\s*\d{3},\s*)"([a-z_0-9]+)"', re.M)
EXTRA = {"unauthorized", "invalid_utf8", "invalid_form"}  # set apart from their sentence; asserted to stand in the source below
INTERNAL = {"held"}  # cloisterd to the gateway, which keeps the request and asks again: no caller sees it
WHERE = ("gateway", "supervisor", "agent", "providers", "memory", "business")


def sources(*folders):
    for folder in folders:
        for path in sorted((TOP / folder).rglob("*.[ch]")):
            yield path.relative_to(TOP), path.read_text(encoding="utf-8")


def read(path):
    return (TOP / path).read_text(encoding="utf-8")


@functools.lru_cache(None)
def emitted():
    """code -> one place that emits it."""
    got = {code: "supervisor/failures.def" for code in re.findall(r"^FAILURE\((\w+)", read("supervisor/failures.def"), re.M)}
    for path, text in sources(*WHERE):
        if path.name.startswith(("secrets.", "strict.h")):
            continue
        text = re.sub(r"events_note\([^;]*;", "", text)  # events have their own words, explained in events.def
        for code in EMITTERS.findall(text) + TABLES.findall(text) + IN_BUSINESS.findall(text):
            got.setdefault(code, str(path))
    return {code: where for code, where in got.items() if code not in INTERNAL}


@functools.lru_cache(None)
def refused_by_tools():
    return {code for _, text in sources("agent") for code in re.findall(r'tool_refuse\([^;"]*?"([a-z_]+)"', text)}


def complaints(rows, problems, codes, tools):
    """What does not fit between the table and the programs, each as a sentence."""
    said = [f"{code} is emitted by {where} and has no entry" for code, where in codes.items()
            if code not in problems and code not in tools and code not in rows["tools"]]
    said += [f"{code} has an entry in openapi.yaml, but nothing emits it" for code in problems if code not in codes]
    sides = list(rows["caller"]) + list(rows["operator"])
    said += [f"{code} stands in openapi.yaml, but not in errors.yaml" for code in problems if code not in sides]
    said += [f"{code} stands in errors.yaml, but not in openapi.yaml" for code in sides if code not in problems]
    said += [f"{code} stands in errors.yaml twice" for code in set(sides) if sides.count(code) > 1]
    said += [f"a tool answers {code}, which has no entry" for code in tools - set(rows["tools"])]
    said += [f"no tool answers {code}" for code in set(rows["tools"]) - tools]
    return said


class Errors(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.rows, self.problems = make_errors.table(), make_errors.problems()
        self.codes, self.tools = dict(emitted()), refused_by_tools()
        text = "".join(text for _, text in sources("gateway"))
        for code in EXTRA:
            self.assertIn(f'"{code}"', text)
            self.codes.setdefault(code, "gateway")

    def test_every_code_has_its_entry_and_every_entry_its_code(self):
        self.assertGreater(len(self.codes), 60)
        self.assertEqual(complaints(self.rows, self.problems, self.codes, self.tools), [])

    def test_control_what_is_missing_is_noticed(self):
        for code in ("model_misconfigured", "http_version"):
            sides = {side: {k: v for k, v in self.rows["operator"].items() if k != code} if side == "operator" else
                     [k for k in self.rows["caller"] if k != code] for side in ("operator", "caller")}
            self.assertEqual(complaints({**self.rows, **sides}, self.problems, self.codes, self.tools),
                             [f"{code} stands in openapi.yaml, but not in errors.yaml"])
        self.assertIn("x_new is emitted by agent/turn.c and has no entry",
                      complaints(self.rows, self.problems, {**self.codes, "x_new": "agent/turn.c"}, self.tools))
        fewer = {code: where for code, where in self.codes.items() if code != "google_quota"}
        self.assertEqual(complaints(self.rows, self.problems, fewer, self.tools), ["google_quota has an entry in openapi.yaml, but nothing emits it"])

    def test_what_else_is_told_has_its_entry(self):
        statuses = dict(re.findall(r"^EXIT\((\w+), (\d+),", read("supervisor/ctl_exit.def"), re.M))
        self.assertGreater(len(statuses), 5)
        self.assertEqual(set(self.rows["ctl"]), set(statuses))
        ready = set(re.findall(r'^\s*\{.*, "([^"]+)"\},', read("supervisor/health.c"), re.M))
        ready |= set(re.findall(r'json_array_append_new\(reasons, json_string\("([^"]+)"\)', read("gateway/health.c")))
        self.assertEqual(set(self.rows["ready"]), ready)
        self.assertEqual(set(self.rows["walls"]), set(re.findall(r'^    X\(\w+, "(\w+)"\)', read("agent/walls.h"), re.M)))
        back = set()
        for name in ("callback.c", "callback_end.c"):
            text = read(f"supervisor/{name}")
            back |= set(re.findall(r'callback_fail\([^;]*"(\w+)"\);', text))
            for call in re.findall(r"set_error_url\(f, ([^;]*)\);", text):
                back |= set(re.findall(r'"(\w+)"', call))
        self.assertEqual(set(self.rows["returns"]), back)
        usage = read("deploy/quickstart").split("Exit codes:")[1].split("\nTEXT")[0]
        self.assertEqual(set(self.rows["quickstart"]), {int(n) for n in re.findall(r"\b(\d+) \w", usage)})

    def test_the_page_is_up_to_date(self):
        self.assertEqual(make_errors.PAGE.read_text(encoding="utf-8"), make_errors.page(), "run docs/make_errors.py")


class Pages(unittest.TestCase):
    pages = sorted((TOP / "docs").glob("*.md"))

    def anchors(self, text):
        heads = re.findall(r"^#+ (.+)$", text, re.M)
        return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}

    def test_links_lead_somewhere(self):
        for page in [*self.pages, TOP / "README.md"]:
            text = page.read_text(encoding="utf-8")
            for target in re.findall(r"\]\(([^)#:]*)(?:#[^)]*)?\)", text):
                if target:
                    self.assertTrue((page.parent / target).exists(), f"{page.name}: {target}")
            for target, anchor in re.findall(r"\]\(([^):]*)#([^)]+)\)", text):
                other = page if not target else page.parent / target
                self.assertIn(anchor, self.anchors(other.read_text(encoding="utf-8")), f"{page.name}: {target}#{anchor}")

    def test_every_page_is_found_from_the_readme_and_installed(self):
        self.assertTrue("(docs/index.md)" in read("README.md"), "README.md does not link docs/index.md")
        index, build = read("docs/index.md"), read("docs/meson.build")
        for page in self.pages:
            if page.name != "index.md":
                self.assertIn(f"({page.name})", index)
            self.assertIn(f"'{page.name}'", build)

    def test_copies_are_for_nobody_else(self):
        """What dumps hold is customers' names and addresses, too."""
        found = 0
        for page in self.pages:
            for block in re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), re.S):
                if "pg_dump" in block or ".backup" in block:
                    self.assertLess(block.find("umask 077") % len(block), re.search(r"pg_dump|\.backup", block).start(), f"{page.name}: {block}")
                    found += 1
        self.assertGreater(found, 1)

    def test_settings_and_commands_exist(self):
        settings = {(section, key) for section, key in re.findall(r"^SETTING\((\w+), (\w+)", read("ipc/config.def"), re.M)}
        commands = {word.replace("_", "-") for word in re.findall(r"^COMMAND\((\w+)", read("supervisor/commands.def"), re.M)} | {"frontend"}
        known = subprocess.run(["sed", "-n", r's/^[A-Z]*("*\([a-z-]*\)"*,.*/\1/p', *map(str, TOP.glob("supervisor/ctl_*.def"))],
                               stdout=subprocess.PIPE, check=True, text=True).stdout.split()
        for page in [*self.pages, TOP / "docs/errors.yaml"]:
            text = page.read_text(encoding="utf-8")
            for section, keys in re.findall(r"`\[(\w+)\] (\w+)", text):
                self.assertIn((section, keys), settings, page.name)
            for block in re.findall(r"```ini\n(.*?)```", text, re.S):
                section = None
                for line in block.splitlines():
                    if head := re.fullmatch(r"\[(\w+)\].*", line):
                        section = head[1]
                    elif (key := re.match(r"(\w+)=", line)) and section in {s for s, _ in settings}:
                        self.assertIn((section, key[1]), settings, f"{page.name}: {line}")
            for command in re.findall(r"cloisterctl (?:--json )?([a-z][a-z-]+)", text):
                self.assertIn(command, commands | set(known), page.name)

    def test_configurations_load_as_they_are_shown(self):
        sections = set(re.findall(r"^SETTING\((\w+),", read("ipc/config.def"), re.M))
        tried = 0
        for page in [*self.pages, TOP / "README.md"]:
            for block in re.findall(r"```ini\n(.*?)```", page.read_text(encoding="utf-8"), re.S):
                if not set(re.findall(r"^\[(\w+)\]", block, re.M)) <= sections:
                    continue  # a unit's
                tried += 1
                with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
                    file.write(block)
                    file.flush()
                    done = subprocess.run([PREFIX / "sbin/cloister-egress", "-n", "-c", file.name], stdout=subprocess.PIPE,
                                          stderr=subprocess.STDOUT, text=True, timeout=20, check=False)
                    self.assertEqual(done.returncode, 0, f"{page.name}: {done.stdout}\n{block}")
                    for value in re.findall(r"^\w+_file=(\S+)", block, re.M):
                        self.assertTrue(value.startswith("/etc/cloister/"), f"{page.name}: {value}")
        self.assertGreater(tried, 4)


if __name__ == "__main__":
    unittest.main()
