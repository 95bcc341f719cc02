"""The manuals as they are installed: sound mdoc, and an entry for everything that an operator can type or read."""

import pathlib
import re
import subprocess
import unittest

from cluster import PREFIX, TOP

PAGES = {"cloister.conf": 5, "cloister": 7, "cloister-agent": 8, "cloister-business": 8, "cloister-notify": 8, "cloister-egress": 8, "cloister-gateway": 8, "cloister-keys": 8,
         "cloisterctl": 8, "cloisterd": 8}


def path_of(name):
    return PREFIX / f"share/man/man{PAGES[name]}/{name}.{PAGES[name]}"


def source(name):
    return path_of(name).read_text()


def shown(name):
    """As a person reads it, without overstriking."""
    done = subprocess.run(["mandoc", "-Tutf8", "-O", "width=200", path_of(name)], stdout=subprocess.PIPE, check=True)
    return re.sub(".\b", "", done.stdout.decode())


def rows(table, macro):
    return re.findall(rf"^{macro}\(\"?([^,\")]+)\"?,\s*([^,)]*)", (TOP / table).read_text(), re.M)


class Manuals(unittest.TestCase):
    def test_sound(self):
        for name in PAGES:
            done = subprocess.run(["mandoc", "-Tlint", path_of(name)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            # Whether another page is installed where mandoc looks is not for the page to say; that it is one of ours is.
            found = [line for line in done.stdout.decode().splitlines() if "referenced manual not found" not in line]
            self.assertEqual(found, [], name)
            for other, section in re.findall(r"\.(?:It )?Xr (\S+) (\d)", source(name)):
                self.assertEqual(PAGES.get(other), int(section), f"{name}: {other}({section})")

    def test_lint_finds_something(self):
        """The control: a page with a fault is not clean."""
        bad = subprocess.run(["mandoc", "-Tlint"], input=source("cloister").replace(".Bl -enum", ".Bl -nonsense", 1).encode(),
                             stdout=subprocess.PIPE)
        self.assertIn(b"nonsense", bad.stdout)

    def test_every_command_option_and_exit_status(self):
        text = shown("cloisterctl")
        commands = [name.replace("_", "-") for name, _ in rows("supervisor/commands.def", "COMMAND")]
        commands += [name for name, _ in rows("supervisor/ctl_local.def", "LOCAL") if name != "name"]
        commands += [f"frontend {name}" for name, _ in rows("supervisor/ctl_local.def", "FRONTEND") if name != "command"]
        self.assertGreater(len(commands), 10)
        said = subprocess.run([PREFIX / "bin/cloisterctl", "--help"], stdout=subprocess.PIPE, check=True).stdout.decode()
        for command in commands:
            self.assertRegex(text, rf"(?m)^     {command}\b", command)
            self.assertRegex(said, rf"(?m)^  {command}\b", command)
        for words, _ in rows("supervisor/ctl_options.def", "OPTION"):
            self.assertRegex(text, rf"(?m)^     {words}\b")
            self.assertRegex(said, rf"(?m)^  {words}\b")
        for _, number in rows("supervisor/ctl_exit.def", "EXIT"):
            if number.isdigit():
                self.assertRegex(text.split("EXIT STATUS")[1], rf"(?m)^     {number}\b")
        for event in re.findall(r'^EVENT\(\w+, "(\w+)"', (TOP / "supervisor/events.def").read_text(), re.M):
            self.assertRegex(text, rf"(?m)^     {event}\b")

    def test_every_setting_and_environment_name(self):
        text = shown("cloister.conf")
        settings = rows("ipc/config.def", "SETTING")
        self.assertGreater(len(settings), 30)
        for section, key in settings:
            part = text.split(f"\n   [{section}]\n")[1].split("\n   [")[0]
            self.assertRegex(part, rf"(?m)^     {key}\b", f"{section}.{key}")
            self.assertRegex(text, rf"(?m)^     CLOISTER_{section.upper()}_{key.upper()}$")

    def test_every_program_option(self):
        for name in PAGES:
            if PAGES[name] == 8 and name != "cloisterctl":
                for words, _ in rows("ipc/options.def", "OPTION"):
                    self.assertRegex(shown(name), rf"(?m)^     {words}\b", name)

    def test_signals_that_units_send_are_told(self):
        told = 0
        for unit in sorted((PREFIX / "lib/systemd/system").glob("cloister*.service")):
            text = unit.read_text()
            if re.search(r"^ExecReload=/bin/kill -HUP", text, re.M):
                program = pathlib.Path(re.search(r"^ExecStart=!?(\S+)", text, re.M)[1]).name
                self.assertIn("SIGHUP", shown(program), unit.name)
                told += 1
        self.assertGreater(told, 3)

    def test_every_program_has_a_page(self):
        programs = [p.name for folder in ("bin", "sbin", "libexec/cloister") for p in (PREFIX / folder).glob("cloister*")]
        helpers = {"cloister-launch", "cloister-catch", "cloister-world"}  # of the quickstart and the tests
        self.assertIn("cloisterd", programs)
        for program in set(programs) - helpers:
            self.assertTrue(program in PAGES, program)
