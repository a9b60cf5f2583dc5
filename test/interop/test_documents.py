"""Documents that are made from the code, or repeat what it says, must be what the code says."""
import os
import re
import sys
import unittest

from lookout import CLIENT, RELEASE, ROOT, SERVER, run
from peers import release

SERVED = os.path.join(os.path.dirname(SERVER), "..", "server")  # without the tests' own methods
CALLING = os.path.join(os.path.dirname(SERVER), "..", "client")

VERSION = re.compile(r"^\| ([^|]*[^| ]) \| (\d[^|]*) \|", re.MULTILINE)


def versions(table):
    return dict(VERSION.findall(table))


def without(names, table):
    """The document without versions, nor the lines about these clients."""
    begins = tuple(begin for name in names for begin in (f"| {name} |", f"- **{name}** "))
    return [VERSION.sub(r"| \1 |", line) for line in table.splitlines()
            if not line.startswith(begins)]


class Documents(unittest.TestCase):
    def test_the_api_is_what_the_server_says(self):
        made = run(sys.executable, os.path.join(ROOT, "doc", "make-api"), SERVED)
        self.assertEqual((made.returncode, made.stderr), (0, ""))
        with open(os.path.join(ROOT, "doc", "API.md"), encoding="utf-8") as file:
            self.assertEqual(file.read(), made.stdout, "stale: make docs")

    @unittest.skipUnless(RELEASE, "options are the same in every build")
    def test_the_manual_pages_are_what_the_programs_say(self):
        for name, program in (("server", SERVED), ("client", CALLING)):
            page = os.path.join(ROOT, "doc", f"{name}.1")
            made = run(sys.executable, os.path.join(ROOT, "doc", "make-man"), program, page + ".in")
            self.assertEqual((made.returncode, made.stderr), (0, ""))
            with open(page, encoding="utf-8") as file:
                self.assertEqual(file.read(), made.stdout, "stale: make docs")

    def test_the_manual_pages_are_sound(self):
        """Two implementations of man have nothing to say about them."""
        pages = [os.path.join(ROOT, "doc", f"{name}.1") for name in ("server", "client")]
        for checker in (["mandoc", "-T", "lint"], ["groff", "-man", "-ww", "-z"]):
            done = run(*checker, *pages)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""), checker[0])

    def test_the_manual_pages_have_every_option_and_command(self):
        for name, program in (("server", SERVED), ("client", CALLING)):
            told = run(program, "--help").stdout
            words = set(re.findall(r"^ +(?:-\S, )*(--[a-z-]+)", told, re.MULTILINE))
            commands = told.partition("Commands:\n")[2].partition("\n\n")[0]
            words |= set(re.findall(r"^  (\w+)", commands, re.MULTILINE))
            self.assertGreater(len(words), 15)
            shown = run("man", "-l", os.path.join(ROOT, "doc", f"{name}.1")).stdout
            listed = re.findall(r"^       (?:-\S, )*([\w-]+)", shown, re.MULTILINE)
            self.assertEqual(words - set(listed), set(), name)

    @unittest.skipUnless(RELEASE, "test_peers is what each build must pass")
    def test_who_can_call_is_what_a_run_shows(self):
        """Of a client of another release than the table's, who may do more or less, only the name."""
        made = run(sys.executable, os.path.join(ROOT, "doc", "make-interop"), SERVER, CLIENT)
        self.assertEqual((made.returncode, made.stderr), (0, ""))
        with open(os.path.join(ROOT, "doc", "INTEROP.md"), encoding="utf-8") as file:
            written = file.read()
        here, there = versions(made.stdout), versions(written)
        self.assertEqual(list(here), list(there), "stale: make interop")
        others = [name for name in here if release(here[name]) != release(there[name])]
        self.assertEqual(without(others, written), without(others, made.stdout),
                         "stale: make interop")

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
