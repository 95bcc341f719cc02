"""Runs the cases of a folder's case_*.py, two modules at a time, and closes with "NAME: N passed, N failed, N skipped"."""

import concurrent.futures
import pathlib
import re
import subprocess
import sys
import time
import unittest


class Report(unittest.TextTestResult):
    def startTest(self, test):
        self.began = time.monotonic()
        super().startTest(test)

    def addSuccess(self, test):
        self.passed = getattr(self, "passed", 0) + 1
        super().addSuccess(test)

    def stopTest(self, test):
        self.stream.write(f"    {time.monotonic() - self.began:.1f} s\n")
        self.tell()
        super().stopTest(test)

    def tell(self):
        """What failed is said when it did: a run that is ended from outside has no end to say it at."""
        told = getattr(self, "told", (0, 0))
        self.printErrorList("FAIL", self.failures[told[0]:])
        self.printErrorList("ERROR", self.errors[told[1]:])
        self.told = len(self.failures), len(self.errors)
        self.stream.flush()

    def printErrors(self):
        self.tell()


def wanted(tests, words):
    for test in tests:
        if isinstance(test, unittest.TestSuite):
            yield from wanted(test, words)
        elif not words or any(w in test.id() for w in words):
            yield test


def run_module(suite, script, module):
    done = subprocess.run([sys.executable, script, module + "."], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    text = done.stdout.decode(errors="replace")
    *said, closing = text.rstrip("\n").rsplit("\n", 1)
    counts = re.fullmatch(suite + r": (\d+) passed, (\d+) failed, (\d+) skipped", closing)
    if counts is None:  # it died
        return f"== {module}\n{text}", [0, 1, 0]
    return f"== {module}\n" + "\n".join(said), [int(n) for n in counts.groups()]


def run_all(suite, script, longest):
    names = sorted((path.stem for path in script.parent.glob("case_*.py")), key=lambda name: (name not in longest, name))
    total = [0, 0, 0]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for future in concurrent.futures.as_completed([pool.submit(run_module, suite, script, name) for name in names]):
            text, counts = future.result()
            print(text, flush=True)
            total = [a + b for a, b in zip(total, counts)]
    print(f"{suite}: {total[0]} passed, {total[1]} failed, {total[2]} skipped", flush=True)
    return 0 if total[1] == 0 and total[0] > 0 else 1


def run(suite, script, longest=()):
    """`script` is the suite's own file, beside its cases; `longest` go first, so that the end is not one of them alone.
    Words on the command line name cases (a module, class or method, or part of one): these run one after the other."""
    script, words = pathlib.Path(script).resolve(), sys.argv[1:]
    if not words:
        return run_all(suite, script, longest)
    loader, chosen = unittest.TestLoader(), unittest.TestSuite()
    for path in sorted(script.parent.glob("case_*.py")):
        chosen.addTests(wanted(loader.loadTestsFromName(path.stem), words))
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2, resultclass=Report).run(chosen)
    bad = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
    passed = getattr(result, "passed", 0)
    print(f"{suite}: {passed} passed, {bad} failed, {len(result.skipped)} skipped", flush=True)
    return 0 if bad == 0 and passed > 0 else 1
