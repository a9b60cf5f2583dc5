"""Whoever follows CONTRIBUTING.md to the letter has a method that works at the first try.

Its files are written, and its commands run, as they are there, in a copy of what was built.
"""
import os
import re
import tempfile
import unittest

from lookout import RELEASE, ROOT, Server
from making import SKIPPED, copy_tree, run_apart


def section(title):
    with open(os.path.join(ROOT, "CONTRIBUTING.md"), encoding="utf-8") as file:
        return re.search(rf"^## {title}.*?(?=^## )", file.read(), re.MULTILINE | re.DOTALL)[0]


def blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@unittest.skipUnless(RELEASE, "the release build is what CONTRIBUTING.md builds")
class Contributing(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory(prefix="lookout-contributing-")
        self.addCleanup(holder.cleanup)
        self.folder = os.path.join(holder.name, "lookout")
        copy_tree(self.folder, "release")

    def shell(self, command):
        done = run_apart("sh", "-e", "-c", command, cwd=self.folder)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def test_a_method_is_one_file_and_one_test(self):
        text = section("Add a method")
        names = re.findall(r"`((?:methods|test)/\w+\.c)`", text)[:2]
        for name, content in zip(names, blocks(text, "c"), strict=True):
            with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
                file.write(content)
        build, calls = blocks(text, "sh")
        self.assertIn("2 passed, 0 failed", self.shell(build))
        with open(os.path.join(self.folder, "doc", "API.md"), encoding="utf-8") as api:
            self.assertIn("\nint math.add(int, int)\n", api.read())
        with Server(program=os.path.join(self.folder, "server")) as server:
            self.assertIn("localhost", calls)
            said = self.shell(calls.replace("localhost", f"localhost:{server.port}"))
        self.assertRegex(said, r"\A42\n")
        self.assertIn("math.add(a, b) returns the sum of two ints.", said)
        for check in ("includes", "format", "lengths"):
            done = run_apart(f"test/lint/{check}", cwd=self.folder)
            self.assertIn(done.returncode, (0, SKIPPED), done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
