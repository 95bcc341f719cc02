#!/usr/bin/env python3
"""The main suite: the whole system through its outside, every real part in place.

Runs the cases of case_*.py in name order and closes with "main: N passed, N failed, N skipped".
Usage: suite.py [CASE...]   where CASE is a module, class or method name, or part of one."""

import pathlib
import sys
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))


class Report(unittest.TextTestResult):
    def startTest(self, test):
        self.began = time.monotonic()
        super().startTest(test)

    def addSuccess(self, test):
        self.passed = getattr(self, "passed", 0) + 1
        super().addSuccess(test)

    def stopTest(self, test):
        self.stream.write(f"    {time.monotonic() - self.began:.1f} s\n")
        self.stream.flush()
        super().stopTest(test)


def wanted(tests, words):
    for test in tests:
        if isinstance(test, unittest.TestSuite):
            yield from wanted(test, words)
        elif not words or any(w in test.id() for w in words):
            yield test


def main():
    words = sys.argv[1:]
    loader, chosen = unittest.TestLoader(), unittest.TestSuite()
    for path in sorted(HERE.glob("case_*.py")):
        chosen.addTests(wanted(loader.loadTestsFromName(path.stem), words))
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2, resultclass=Report).run(chosen)
    bad = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
    print(f"main: {getattr(result, 'passed', 0)} passed, {bad} failed, {len(result.skipped)} skipped", flush=True)
    return 0 if bad == 0 and getattr(result, "passed", 0) > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
