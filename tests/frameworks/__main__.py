"""Runs the end-to-end tests against a server program, once for each number of shards.

    scripts/frameworks [--binary PATH] [--shards 1,2,4] [-k PATTERN] [--long] [--repeat N]

Any program that takes Valkey's command line can be named, so that a test can be tried against the peer.
"""

import argparse
import os
import sys
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "..", "scripts", "demo.d")]

import harness  # noqa: E402  (found through the path set above)


class Result(unittest.TextTestResult):
    """Names each test with its time."""

    def tell(self, line):
        print(line, file=self.stream, flush=True)

    def startTest(self, test):
        self._begun = time.monotonic()
        super().startTest(test)

    def addSuccess(self, test):
        unittest.TestResult.addSuccess(self, test)
        self.tell(f"ok   {time.monotonic() - self._begun:6.1f} s  {test.id()}")

    def addSkip(self, test, reason):
        unittest.TestResult.addSkip(self, test, reason)
        if reason != harness.ONLY_LONG:
            self.tell(f"skip          {test.id()}: {reason}")

    def addFailure(self, test, err):
        unittest.TestResult.addFailure(self, test, err)
        self.tell(f"FAIL {time.monotonic() - self._begun:6.1f} s  {test.id()}")

    def addError(self, test, err):
        unittest.TestResult.addError(self, test, err)
        self.tell(f"FAIL {time.monotonic() - self._begun:6.1f} s  {test.id()}")


def main():
    parser = argparse.ArgumentParser(prog="scripts/frameworks")
    parser.add_argument("--binary", required=True, help="the server program")
    parser.add_argument("--shards", default="1,2,4", help="numbers of shards to test with, default 1,2,4")
    parser.add_argument("-k", dest="pattern", default="", help="only tests whose name contains this, or one of these with commas between")
    parser.add_argument("--long", action="store_true", help="also the tests that take long")
    parser.add_argument("--repeat", type=int, default=1, help="do it all so many times, and stop at the first failure")
    options = parser.parse_args()
    harness.thorough = options.long
    passed = failed = 0
    for turn in range(1, options.repeat + 1):
        for shards in map(int, options.shards.split(",")):
            print(f"-- {shards} shards" + f", turn {turn} of {options.repeat}" * (options.repeat > 1), flush=True)
            ran, bad = run(options.binary, shards, options.pattern)
            passed += ran - bad
            failed += bad
        if failed:
            break
    print(f"{passed} passed, {failed} failed", flush=True)
    return 1 if failed or not passed else 0


def run(binary, shards, pattern):
    """Runs every test with so many shards; returns how many ran and how many failed."""
    loader = unittest.TestLoader()
    loader.testNamePatterns = [f"*{part}*" for part in pattern.split(",")]
    with harness.serving(binary, shards) as server:
        suite = loader.discover(HERE, pattern="test_*.py")
        runner = unittest.TextTestRunner(stream=sys.stdout, verbosity=0, resultclass=Result)
        result = runner.run(suite)
        bad = len(result.failures) + len(result.errors)
        if not server.alive():
            print(f"FAIL the server ended during the tests:\n{server.log_tail(60)}", flush=True)
            bad += 1
    if harness.stop_status != 0:
        print(f"FAIL the server ended with status {harness.stop_status}", flush=True)
        bad += 1
    return max(result.testsRun - len(result.skipped), bad), bad


if __name__ == "__main__":
    sys.exit(main())
