"""Documents that are made from the code must be what the code makes."""
import os
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


if __name__ == "__main__":
    unittest.main()
