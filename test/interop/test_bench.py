"""The benchmark works: a round of it, with what every machine has."""
import os
import re
import sys
import tempfile
import unittest

from lookout import ROOT, SERVER, environment, run

BENCH = os.path.abspath(os.path.join(os.path.dirname(SERVER), "..", "bench"))


def compare(*arguments, bench=BENCH):
    return run(sys.executable, "-B", os.path.join(ROOT, "bench", "compare"), *arguments,
               env=environment(LOOKOUT_BENCH=bench))


class Bench(unittest.TestCase):
    def test_it_compares_and_reports(self):
        with tempfile.TemporaryDirectory() as folder:
            report = os.path.join(folder, "report.md")
            done = compare("--rounds", "1", "--seconds", "1", "--only", "ping16", "--generator",
                           "load", "--peers", "lookout,python", "--output", report)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertRegex(done.stdout, r"ping, 16 connections, calls/s, Python xmlrpc.server +\d")
            with open(report, encoding="utf-8") as file:
                text = file.read()
            self.assertTrue(re.search(r"^\| Lookout \| [\d,.]+ \(.*\) \| ", text, re.MULTILINE), text)
            self.assertIn("| RPyC | ≥ 5 × |  |  |  | not measured |", text)

    def test_a_peer_that_is_not_there_is_named(self):
        with tempfile.TemporaryDirectory() as empty:
            done = compare("--peers", "ros,abyss", "--only", "echo", "--generator", "load",
                           "--output", os.path.join(empty, "report.md"), bench=empty)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(re.findall("^left out: (.*?): ", done.stderr, re.MULTILINE),
                         ["ROS xmlrpcpp", "stock Abyss", "100 structs echoed, 16 connections"])


if __name__ == "__main__":
    unittest.main()
