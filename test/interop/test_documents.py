"""Documents that are made from the code, or repeat what it says, must be what the code says."""
import os
import re
import sys
import unittest

from lookout import ROOT, SERVER, run

SERVED = os.path.join(os.path.dirname(SERVER), "..", "server")  # without the tests' own methods


class Documents(unittest.TestCase):
    def test_the_api_is_what_the_server_says(self):
        made = run(sys.executable, os.path.join(ROOT, "doc", "make-api"), SERVED)
        self.assertEqual((made.returncode, made.stderr), (0, ""))
        with open(os.path.join(ROOT, "doc", "API.md"), encoding="utf-8") as file:
            self.assertEqual(file.read(), made.stdout, "stale: make api")

    def test_the_limits_are_those_of_the_options(self):
        """SECURITY.md has each option that is a limit, with its default."""
        described = run(SERVED, "--help").stdout
        defaults = re.findall(r"^ +(?:-\S, )?(--[a-z-]+)=(?:SIZE|SEC|N) (.*(?:\n {29}.*)*)", described,
                              re.MULTILINE)
        self.assertGreater(len(defaults), 15)
        limits = {option: re.search(r"\(default: (.*)\)", " ".join(text.split()))[1]
                  for option, text in defaults if option != "--threads"}
        with open(os.path.join(ROOT, "SECURITY.md"), encoding="utf-8") as file:
            rows = re.findall(r"^\| `(--.*)` \| (.*) \| .* \|$", file.read(), re.MULTILINE)
        self.assertEqual(dict(rows), limits)
        self.assertEqual(len(rows), len(limits))


if __name__ == "__main__":
    unittest.main()
